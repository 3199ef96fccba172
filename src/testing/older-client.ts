import { clone, create, createFileRegistry, type DescFile, type DescMessage } from "@bufbuild/protobuf";
import { FileDescriptorProtoSchema, FileDescriptorSetSchema, type FileDescriptorProto } from "@bufbuild/protobuf/wkt";
import { file_parley_v1_chat } from "../../gen/parley/v1/chat_pb.ts";

/** A message of chat.proto as it was before a field was added: what a client generated then knows. */
export function withoutField(typeName: string, fieldName: string): DescMessage {
  const older = clone(FileDescriptorProtoSchema, file_parley_v1_chat.proto);
  const message = older.messageType.find(({ name }) => `${older.package}.${name}` === typeName);
  if (message === undefined) throw new TypeError(`${older.name} has no message ${typeName}`);
  const kept = message.field.filter(({ name }) => name !== fieldName);
  if (kept.length === message.field.length) throw new TypeError(`${typeName} has no field ${fieldName}`);
  message.field = kept;
  const file = [...new Set(file_parley_v1_chat.dependencies.flatMap(inOrder)), older];
  return createFileRegistry(create(FileDescriptorSetSchema, { file })).getMessage(typeName)!;
}

/** A file after those that it imports. */
function inOrder(file: DescFile): FileDescriptorProto[] {
  return [...file.dependencies.flatMap(inOrder), file.proto];
}
