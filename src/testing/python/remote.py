"""Python's clients through a running service to upstreams behind it: each function is one check, run by its name, and prints what it got as JSON.

usage: remote.py URL STUBS CHECK UPSTREAM, where STUBS is a folder of code that grpcio-tools generated and UPSTREAM the name of an upstream.
"""

import json
import sys

url, stubs, check, upstream = sys.argv[1:5]
sys.path.insert(0, stubs)
user = [{"role": "user", "content": "hello"}]
schema = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
tools = [{"type": "function", "function": {"name": "weather", "parameters": schema}}]


def show(value):
    print(json.dumps(value))


def client():
    from openai import OpenAI

    return OpenAI(base_url=f"{url}/v1", api_key="none", max_retries=0)


def model(name):
    return f"{upstream}/{name}"


def openai_text():
    whole = client().chat.completions.create(model=model("text"), messages=user)
    with client().chat.completions.stream(model=model("text"), messages=user) as stream:
        for _ in stream:
            pass
        streamed = stream.get_final_completion()
    show([[answer.choices[0].message.content, answer.choices[0].finish_reason] for answer in (whole, streamed)])


def openai_calls():
    whole = client().chat.completions.create(model=model("calls"), messages=user, tools=tools)
    with client().chat.completions.stream(model=model("calls"), messages=user, tools=tools) as stream:
        for _ in stream:
            pass
        streamed = stream.get_final_completion()
    show([[json.loads(call.function.arguments)["city"] for call in answer.choices[0].message.tool_calls] for answer in (whole, streamed)])


def openai_shape():
    shape = {"type": "json_schema", "json_schema": {"name": "place", "schema": schema}}
    answer = client().chat.completions.create(model=model("shape"), messages=user, response_format=shape)
    show(json.loads(answer.choices[0].message.content))


def openai_errors():
    from openai import APIError, BadRequestError, RateLimitError

    told = []
    try:
        client().chat.completions.create(model=model("invalid"), messages=user)
    except BadRequestError as error:
        told.append(error.status_code)
    try:
        client().chat.completions.create(model=model("limited"), messages=user, stream=True)
    except RateLimitError as error:
        told.append(error.response.headers["retry-after"])
    text = ""
    try:
        for chunk in client().chat.completions.create(model=model("broken"), messages=user, stream=True):
            text += chunk.choices[0].delta.content or ""
    except APIError as error:
        told.append(error.code)
    show([*told, text.startswith("0 1 ")])


def openai_embed():
    answer = client().embeddings.create(model=model("vectors"), input=["a b", "c"])
    show([len(each.embedding) for each in answer.data])


def chat_stub():
    import grpc
    from parley.v1 import chat_pb2, chat_pb2_grpc, messages_pb2

    def ask(name, **more):
        part = messages_pb2.Part(text=messages_pb2.Text(text="hello"))
        message = messages_pb2.Message(role=messages_pb2.ROLE_USER, parts=[part])
        return chat_pb2.ChatRequest(model=model(name), messages=[message], **more)

    return grpc, chat_pb2_grpc.ChatServiceStub(grpc.insecure_channel(url.removeprefix("http://"))), ask


def grpc_text():
    _, stub, ask = chat_stub()
    whole = stub.Chat(ask("text"))
    streamed = "".join(event.text.text for event in stub.Stream(ask("text")))
    show([whole.choices[0].message.parts[0].text.text, streamed, whole.served_by.provider])


def grpc_calls():
    from parley.v1 import messages_pb2

    _, stub, ask = chat_stub()
    function = messages_pb2.Function(name="weather", parameters=json.dumps(schema))
    answer = stub.Chat(ask("calls", tools=[messages_pb2.Tool(function=function)]))
    show([json.loads(part.tool_call.arguments)["city"] for part in answer.choices[0].message.parts])


def grpc_errors():
    grpc, stub, ask = chat_stub()
    told = []
    try:
        stub.Chat(ask("limited"))
    except grpc.RpcError as error:
        told.append(error.code().name)
    text = ""
    try:
        for event in stub.Stream(ask("broken")):
            text += event.text.text
    except grpc.RpcError as error:
        told.append(error.code().name)
    show([*told, text.startswith("0 1 ")])


globals()[check]()
