import { createRegistry, toBinary, type DescFile, type DescService, type Registry } from "@bufbuild/protobuf";
import { FileDescriptorProtoSchema } from "@bufbuild/protobuf/wkt";
import { Code, type ConnectRouter } from "@connectrpc/connect";
import {
  ServerReflection as ReflectionV1,
  type ServerReflectionRequest,
  type ServerReflectionResponse,
} from "../../../gen/grpc/reflection/v1/reflection_pb.ts";
import {
  ServerReflection as ReflectionV1Alpha,
  type ServerReflectionRequest as RequestV1Alpha,
} from "../../../gen/grpc/reflection/v1alpha/reflection_pb.ts";
import type { MessageInitShape } from "@bufbuild/protobuf";
import type { ServerReflectionResponseSchema } from "../../../gen/grpc/reflection/v1/reflection_pb.ts";

type Answer = NonNullable<MessageInitShape<typeof ServerReflectionResponseSchema>["messageResponse"]>;

/** Server reflection, v1 and v1alpha, over the descriptors of every service that is mounted. */
export function mountReflection(router: ConnectRouter, services: () => readonly DescService[]): void {
  let known: Catalog | undefined;
  const answers = async function* (requests: AsyncIterable<ServerReflectionRequest | RequestV1Alpha>) {
    known ??= catalogOf([...services(), ReflectionV1, ReflectionV1Alpha]);
    for await (const request of requests) {
      yield { validHost: request.host, originalRequest: request, messageResponse: answer(request.messageRequest, known) };
    }
  };
  // The two versions differ in nothing but the name of their package.
  router.service(ReflectionV1, { serverReflectionInfo: (requests) => answers(requests) as AsyncIterable<ServerReflectionResponse> });
  router.service(ReflectionV1Alpha, { serverReflectionInfo: (requests) => answers(requests) as AsyncIterable<never> });
}

interface Catalog {
  readonly services: readonly DescService[];
  readonly files: ReadonlyMap<string, DescFile>;
  readonly types: Registry;
}

function catalogOf(mounted: readonly DescService[]): Catalog {
  const files = new Map<string, DescFile>();
  const add = (file: DescFile) => {
    if (files.has(file.proto.name)) return;
    files.set(file.proto.name, file);
    file.dependencies.forEach(add);
  };
  const services = [...new Map(mounted.map((service) => [service.typeName, service])).values()];
  for (const { file } of services) add(file);
  return { services, files, types: createRegistry(...files.values()) };
}

function answer(request: ServerReflectionRequest["messageRequest"] | RequestV1Alpha["messageRequest"], catalog: Catalog): Answer {
  switch (request.case) {
    case "listServices":
      return { case: "listServicesResponse", value: { service: catalog.services.map(({ typeName }) => ({ name: typeName })) } };
    case "fileByFilename":
      return filesFrom(catalog.files.get(request.value), request.value);
    case "fileContainingSymbol":
      return filesFrom(fileOf(request.value, catalog), request.value);
    case "allExtensionNumbersOfType":
      if (catalog.types.getMessage(request.value) === undefined) return notFound(request.value);
      return { case: "allExtensionNumbersResponse", value: { baseTypeName: request.value, extensionNumber: [] } };
    case "fileContainingExtension":
      return notFound(`extension ${request.value.extensionNumber} of ${request.value.containingType}`);
    default:
      return { case: "errorResponse", value: { errorCode: Code.InvalidArgument, errorMessage: "the request asks for nothing" } };
  }
}

/** The file that defines a symbol: a type or service, or a method or field of one. */
function fileOf(symbol: string, { types }: Catalog): DescFile | undefined {
  const known = types.get(symbol) ?? types.get(symbol.slice(0, Math.max(0, symbol.lastIndexOf("."))));
  return known?.file;
}

/** A file with all it depends on, so that one question is enough. */
function filesFrom(file: DescFile | undefined, asked: string): Answer {
  if (file === undefined) return notFound(asked);
  const closure = new Set<DescFile>();
  const add = (one: DescFile) => {
    if (closure.has(one)) return;
    closure.add(one);
    one.dependencies.forEach(add);
  };
  add(file);
  const fileDescriptorProto = [...closure].map(({ proto }) => toBinary(FileDescriptorProtoSchema, proto));
  return { case: "fileDescriptorResponse", value: { fileDescriptorProto } };
}

function notFound(asked: string): Answer {
  return { case: "errorResponse", value: { errorCode: Code.NotFound, errorMessage: `${asked.slice(0, 256)} is not known here` } };
}
