"""Python's clients against a running service: each function is one check, run by its name, and prints what it got as JSON.

usage: clients.py URL STUBS CHECK, where STUBS is a folder of code that grpcio-tools generated.
"""

import json
import sys

url, stubs, check = sys.argv[1:4]
sys.path.insert(0, stubs)
address = url.removeprefix("http://")


def show(value):
    print(json.dumps(value))


def client():
    from openai import OpenAI

    return OpenAI(base_url=f"{url}/v1", api_key="none", max_retries=0)


user = [{"role": "user", "content": "one two three"}]


def openai_whole():
    answer = client().chat.completions.create(model="echo", messages=user)
    choice = answer.choices[0]
    show([choice.message.role, choice.message.content, choice.finish_reason, answer.usage.completion_tokens])


def openai_stream():
    chunks = client().chat.completions.create(
        model="echo", messages=user, stream=True, stream_options={"include_usage": True}
    )
    text, roles, usage, empty = "", [], None, 0
    for chunk in chunks:
        usage = chunk.usage or usage
        empty += not chunk.choices
        for choice in chunk.choices:
            text += choice.delta.content or ""
            roles += [choice.delta.role] if choice.delta.role else []
    show([text, roles, usage.completion_tokens, empty])


def openai_helper():
    with client().chat.completions.stream(model="echo", messages=user) as stream:
        kinds = sorted({event.type for event in stream})
        whole = stream.get_final_completion()
    choice = whole.choices[0]
    show([kinds, choice.message.role, choice.finish_reason, choice.message.content])


def openai_error():
    from openai import NotFoundError

    try:
        client().chat.completions.create(model="nobody", messages=user)
    except NotFoundError as error:
        show([error.status_code, error.code, bool(error.request_id)])


def openai_models():
    models = client().models
    show([sorted(model.id for model in models.list()), models.retrieve("tiny").object])


def chat_stub():
    import grpc
    from parley.v1 import chat_pb2, chat_pb2_grpc, messages_pb2

    def ask(text, **more):
        part = messages_pb2.Part(text=messages_pb2.Text(text=text))
        return chat_pb2.ChatRequest(messages=[messages_pb2.Message(role=messages_pb2.ROLE_USER, parts=[part])], **more)

    return grpc, chat_pb2_grpc.ChatServiceStub(grpc.insecure_channel(address)), ask


def grpc_whole():
    _, stub, ask = chat_stub()
    answer = stub.Chat(ask("one two three", model="echo"))
    show([answer.choices[0].message.parts[0].text.text, answer.usage.completion_tokens])


def grpc_stream():
    _, stub, ask = chat_stub()
    events = list(stub.Stream(ask("hi", model="tiny", max_tokens=5)))
    show([[event.WhichOneof("event") for event in events], [event.sequence for event in events]])


def grpc_error():
    grpc, stub, ask = chat_stub()
    try:
        stub.Chat(ask("hi", model="nobody"))
    except grpc.RpcError as error:
        trailers = {key: value for key, value in error.trailing_metadata()}
        show([error.code().name, error.details(), "grpc-status-details-bin" in trailers])


def grpc_deadline():
    grpc, stub, ask = chat_stub()
    try:
        stub.Chat(ask("hi", model="tiny", max_tokens=2000), timeout=0.15)
    except grpc.RpcError as error:
        after = stub.Chat(ask("hi", model="tiny", max_tokens=2))
        show([error.code().name, after.usage.completion_tokens])


def grpc_cancel():
    grpc, stub, ask = chat_stub()
    stream = stub.Stream(ask("hi", model="tiny", max_tokens=2000))
    try:
        for event in stream:
            if event.WhichOneof("event") == "text":
                stream.cancel()
    except grpc.RpcError as error:
        after = stub.Chat(ask("hi", model="tiny", max_tokens=2))
        show([error.code().name, after.usage.completion_tokens])


def grpc_unknown_method():
    import grpc

    channel = grpc.insecure_channel(address)
    method = channel.unary_unary("/nobody.v1.Service/Method", lambda message: message, lambda message: message)
    try:
        method(b"")
    except grpc.RpcError as error:
        show(error.code().name)


def grpc_large():
    _, stub, ask = chat_stub()
    answer = stub.Chat(ask("x" * 3_000_000, model="echo"))
    show(len(answer.choices[0].message.parts[0].text.text))


def openai_embed():
    answer = client().embeddings.create(model="encoder", input=["the bread", "river"])
    show([len(answer.data), len(answer.data[0].embedding), answer.usage.prompt_tokens])


def grpc_embed():
    import grpc
    from parley.v1 import embeddings_pb2, embeddings_pb2_grpc

    stub = embeddings_pb2_grpc.EmbeddingServiceStub(grpc.insecure_channel(address))
    inputs = [embeddings_pb2.EmbedInput(text=text) for text in ("the bread", "river")]
    answer = stub.Embed(embeddings_pb2.EmbedRequest(inputs=inputs, dimensions=8))
    try:
        stub.Embed(embeddings_pb2.EmbedRequest())
    except grpc.RpcError as error:
        show([[len(each.values) for each in answer.embeddings], answer.usage.prompt_tokens, error.code().name, error.details()])


globals()[check]()
