"""Anthropic's client for Python against a running service: each function is one check. Prints what each got as JSON, by its words; what it raised stands there as text.

usage: anthropic_clients.py URL CHECK:UPSTREAM ..., where UPSTREAM is the name of an upstream, or empty for what the service has itself.
The client takes seconds to load: all checks share one run.
"""

import asyncio
import json
import sys
import traceback

import anthropic

url = sys.argv[1]
upstream = ""
user = [{"role": "user", "content": "one two three"}]
schema = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
tools = [{"name": "weather", "description": "tells the weather", "input_schema": schema}]


def client(**options):
    return anthropic.Anthropic(base_url=url, api_key="none", max_retries=0, **options)


def asked(name, **more):
    return {"model": f"{upstream}/{name}" if upstream else name, "max_tokens": 2000, "messages": user, **more}


def text_of(message):
    return "".join(block.text for block in message.content if block.type == "text")


def text():
    name = "text" if upstream else "echo"
    whole = client().messages.create(**asked(name))
    with client().messages.stream(**asked(name)) as stream:
        words = list(stream.text_stream)
        streamed = stream.get_final_message()
    same = streamed.model_dump(exclude={"id", "parsed_output"}) == whole.model_dump(exclude={"id"})
    return [text_of(whole), "".join(words), whole.stop_reason, whole.usage.input_tokens > 0, same]


def start():
    stream = client().messages.create(**asked("echo"), stream=True)
    events = list(stream)
    return [[event.type for event in events], events[0].message.usage.input_tokens > 0]


def asynchronous():
    async def read():
        async with anthropic.AsyncAnthropic(base_url=url, api_key="none", max_retries=0) as client:
            async with client.messages.stream(**asked("echo")) as stream:
                return await stream.get_final_text()

    return asyncio.run(read())


def calls():
    whole = client().messages.create(**asked("calls", tools=tools))
    with client().messages.stream(**asked("calls", tools=tools)) as stream:
        streamed = stream.get_final_message()
    return [[[block.input["city"] for block in message.content], message.stop_reason] for message in (whole, streamed)]


def runner():
    asked_for = []

    @anthropic.beta_tool
    def weather(city: str) -> str:
        """Tells the weather.

        Args:
            city: Where.
        """
        asked_for.append(city)
        return "cold"

    final = client().beta.messages.tool_runner(**asked("asks", tools=[weather])).until_done()
    return [text_of(final), asked_for]


def shape():
    import pydantic

    class Place(pydantic.BaseModel):
        city: str

    return client().messages.parse(**asked("shape"), output_format=Place).parsed_output.city


def thinking():
    with client().messages.stream(**asked("thinks", thinking={"type": "enabled", "budget_tokens": 1024})) as stream:
        message = stream.get_final_message()
    usage = message.usage
    return [[block.type for block in message.content], message.content[0].thinking, usage.cache_read_input_tokens, usage.input_tokens]


def count():
    told = client().messages.count_tokens(model="tiny", messages=user)
    whole = client().messages.create(**{**asked("tiny"), "max_tokens": 1})
    return told.input_tokens == whole.usage.input_tokens + (whole.usage.cache_read_input_tokens or 0)


def models():
    names = [model.id for model in client().models.list(limit=1)]
    one = client().models.retrieve("tiny")
    return [sorted(names), one.type, one.lifecycle]


def errors():
    told = []
    try:
        client().messages.create(**{**asked("echo"), "model": "nobody"})
    except anthropic.NotFoundError as error:
        told += [error.status_code, error.body["error"]["type"], error.request_id.startswith("req_")]
    try:
        client().messages.create(**{**asked("echo"), "tools": [{"type": "web_search_20250305", "name": "web_search"}]})
    except anthropic.BadRequestError as error:
        told += [error.body["error"]["message"].split(":")[0]]
    return told


def remote_errors():
    told, text = [], ""
    try:
        client().messages.create(**asked("limited"))
    except anthropic.RateLimitError as error:
        told += [error.response.headers["retry-after"]]
    try:
        client().messages.create(**asked("overloaded"))
    except anthropic.APIStatusError as error:
        told += [error.status_code]
    try:
        with client().messages.stream(**asked("broken")) as stream:
            for word in stream.text_stream:
                text += word
    except anthropic.APIError as error:
        told += [error.body["error"]["type"], text.startswith("0 1 ")]
    return told


def keys():
    answers = []
    for options in ({"api_key": "the-key-of-a-test"}, {"auth_token": "the-key-of-a-test"}):
        with_key = anthropic.Anthropic(base_url=url, max_retries=0, **options)
        answers += [text_of(with_key.messages.create(**asked("echo")))]
    try:
        client().messages.create(**asked("echo"))
    except anthropic.AuthenticationError as error:
        answers += [error.body["error"]["type"]]
    return answers


def real():
    asking = {
        "model": "smollm2-135m-instruct",
        "max_tokens": 24,
        "system": "Complete the sentence.",
        "messages": [{"role": "user", "content": "The capital of France is"}],
        "extra_body": {"temperature": 0},
    }
    whole = client().messages.create(**asking)
    with client().messages.stream(**asking) as stream:
        streamed = stream.get_final_message()
    return ["Paris" in text_of(whole), text_of(streamed) == text_of(whole)]


told = {}
for word in sys.argv[2:]:
    check, upstream = word.split(":")
    try:
        told[word] = globals()[check]()
    except Exception:
        told[word] = traceback.format_exc()
print(json.dumps(told))
