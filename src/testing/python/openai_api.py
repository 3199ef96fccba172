"""OpenAI's Python client at a running service, at chats and older completions: each function is one check, run by its name, and prints what it got as JSON.

usage: openai_api.py URL CHECK MODEL
"""

import json
import sys
import urllib.request

url, check, model = sys.argv[1:4]
messages = [
    {"role": "system", "content": "Complete the sentence."},
    {"role": "user", "content": "The capital of France is"},
]
asked = {"model": model, "messages": messages, "max_tokens": 24, "temperature": 0}
prompted = {"model": model, "prompt": "The capital of France is", "max_tokens": 8}


def show(value):
    print(json.dumps(value))


def client():
    from openai import OpenAI

    return OpenAI(base_url=f"{url}/v1", api_key="none", max_retries=0)


def chat():
    whole = client().chat.completions.create(**asked)
    with client().chat.completions.stream(**asked, stream_options={"include_usage": True}) as stream:
        for _ in stream:
            pass
        streamed = stream.get_final_completion()
    same = [answer.choices[0].message.content for answer in (whole, streamed)]
    show([same[0], same[0] == same[1], whole.usage.total_tokens == streamed.usage.total_tokens, streamed.choices[0].finish_reason])


def parsed():
    from pydantic import BaseModel

    class Place(BaseModel):
        city: str

    words = {**asked, "max_tokens": 200}
    whole = client().chat.completions.parse(**words, response_format=Place)
    with client().chat.completions.stream(**words, response_format=Place) as stream:
        streamed = stream.get_final_completion()
    show([type(answer.choices[0].message.parsed.city).__name__ for answer in (whole, streamed)])


def completions():
    whole = client().completions.create(**prompted, temperature=0)
    streamed = client().completions.create(**prompted, temperature=0, stream=True)
    text = "".join(choice.text for chunk in streamed for choice in chunk.choices)
    several = client().completions.create(**{**prompted, "prompt": ["a", "b"]})
    show([whole.choices[0].text, text == whole.choices[0].text, [choice.index for choice in several.choices]])


def raw(path, body):
    data = json.dumps(body).encode()
    request = urllib.request.Request(f"{url}/v1{path}", data, {"content-type": "application/json"})
    with urllib.request.urlopen(request) as response:
        text = response.read().decode()
    if not body.get("stream"):
        return [text]
    return [line[6:] for line in text.splitlines() if line.startswith("data: {")]


def faults_of(shape, texts):
    from pydantic import ValidationError

    found = []
    for text in texts:
        try:
            shape.model_validate_json(text, strict=True)
        except ValidationError as error:
            found += [f"{'.'.join(str(place) for place in each['loc'])}: {each['msg']}" for each in error.errors()]
    return found


def strict():
    from openai.types import Completion, Model
    from openai.types.chat import ChatCompletion, ChatCompletionChunk

    streamed = {"stream": True, "stream_options": {"include_usage": True}}
    told = client().models.with_raw_response.retrieve(model).text
    show(
        [
            *faults_of(ChatCompletion, raw("/chat/completions", asked)),
            *faults_of(ChatCompletionChunk, raw("/chat/completions", {**asked, **streamed})),
            *faults_of(Completion, raw("/completions", prompted)),
            *faults_of(Model, [told() if callable(told) else told]),
        ]
    )


globals()[check]()
