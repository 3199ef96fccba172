"""OpenAI's Python client at /v1/responses of a running service: each function is one check, run by its name, and prints what it got as JSON.

usage: responses.py URL CHECK MODEL
"""

import json
import sys
import urllib.request

url, check, model = sys.argv[1:4]
most = 32


def show(value):
    print(json.dumps(value))


def client():
    from openai import OpenAI

    return OpenAI(base_url=f"{url}/v1", api_key="none", max_retries=0)


weather = {
    "type": "function",
    "name": "weather",
    "strict": False,
    "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
}


def whole():
    response = client().responses.create(model=model, input="hello", max_output_tokens=most, temperature=0)
    show([response.output_text, response.status, response.usage.total_tokens])


def streamed():
    with client().responses.stream(model=model, input="hello", max_output_tokens=most, temperature=0) as stream:
        events = list(stream)
        text = "".join(event.delta for event in events if event.type == "response.output_text.delta")
        # The helper has no final response of one that was cut off.
        final = stream.get_final_response() if events[-1].type == "response.completed" else events[-1].response
    show([text, final.output_text, final.status])


def calls():
    response = client().responses.create(model=model, input="weather?", tools=[weather])
    made = [item for item in response.output if item.type == "function_call"]
    results = [{"type": "function_call_output", "call_id": call.call_id, "output": "cold"} for call in made]
    after = client().responses.create(
        model=model.replace("calls", "text"),
        input=[{"role": "user", "content": "weather?"}, *response.output, *results],
        tools=[weather],
    )
    show([[json.loads(call.arguments)["city"] for call in made], after.output_text])


def parsed():
    from pydantic import BaseModel

    class Place(BaseModel):
        city: str

    show(client().responses.parse(model=model, input="where?", text_format=Place).output_parsed.city)


def fails():
    from openai import APIError, BadRequestError

    said = []
    try:
        for event in client().responses.create(model=model, input="hello", stream=True):
            said.append(event.type)
    except APIError as error:
        show([isinstance(error, BadRequestError), error.code, said[-1]])


def post(body):
    request = urllib.request.Request(
        f"{url}/v1/responses", json.dumps(body).encode(), {"content-type": "application/json"}
    )
    with urllib.request.urlopen(request) as answer:
        return answer.read().decode()


def strict():
    """Whether each event, and the whole response, is what the client's own models say, without any leniency; and which of their keys are missing."""
    from openai.types.responses import Response, ResponseStreamEvent
    from pydantic import TypeAdapter

    events = TypeAdapter(ResponseStreamEvent)
    body = {"model": model, "input": "hello", "max_output_tokens": most, "tools": [weather], "include": ["message.output_text.logprobs"]}
    if "logprobs" not in model:
        del body["include"]
    frames = [frame for frame in post({**body, "stream": True}).split("\n\n") if frame.startswith("event: ")]
    types, missing = [], set()
    for number, frame in enumerate(frames):
        name, data = frame.split("\n")
        fields = json.loads(data.removeprefix("data: "))
        assert name == f"event: {fields['type']}" and fields["sequence_number"] == number, frame
        event = events.validate_json(json.dumps(fields), strict=True)
        assert event.type == fields["type"], frame
        missing |= absent(event)
        types.append(event.type)
    answer = json.loads(post(body))
    missing |= absent(Response.model_validate_json(json.dumps(answer), strict=True))
    show([types, sorted(missing)])


# What OpenAI's own schema lets be absent and never be null: it is left out where it has no value.
not_nullable = {
    "InputTokensDetails.cache_write_tokens_details",
    "Response.image",
    "Response.input_transformations",
    "Response.prompt_cache_diagnostics",
    "Response.prompt_cache_options",
    "Response.tool_usage",
    "Response.usage",
    "Response.user",
    "ResponseFunctionToolCall.namespace",
}


def absent(value):
    """Fields of a model, and of those in it, that were not there and could be null."""
    from pydantic import BaseModel

    if isinstance(value, list):
        return set().union(*(absent(item) for item in value))
    if not isinstance(value, BaseModel):
        return set()
    kind = type(value)
    here = {f"{kind.__name__}.{name}" for name in kind.model_fields if name not in value.model_fields_set} - not_nullable
    return here.union(*(absent(getattr(value, name)) for name in value.model_fields_set))


globals()[check]()
