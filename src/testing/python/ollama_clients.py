"""Ollama's client for Python against a running service: each function is one check. Prints what each got as JSON, by its words; what it raised stands there as text.

usage: ollama_clients.py URL CHECK:UPSTREAM ..., where UPSTREAM is the name of an upstream, or empty for what the service has itself.
The client takes seconds to load: all checks share one run.
"""

import asyncio
import json
import sys
import traceback
from datetime import datetime, timezone

import ollama

url = sys.argv[1]
upstream = ""
user = [{"role": "user", "content": "hello"}]
schema = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
client = ollama.Client(host=url)


def model(name):
    return f"{upstream}/{name}" if upstream else name


def weather(city: str) -> str:
    """Tells the weather.

    Args:
      city: where
    """
    return f"cold in {city}"


def text():
    whole = client.chat(model=model("text"), messages=user)
    parts = list(client.chat(model=model("text"), messages=user, stream=True))
    prompt = client.generate(model=f"{model('text')}:latest", prompt="hello", system="be brief")
    pieces = list(client.generate(model=model("text"), prompt="hello", stream=True))
    return [
        [whole.message.content, whole.done_reason, whole.model == model("text"), whole.eval_count],
        ["".join(part.message.content for part in parts), parts[-1].done, parts[-1].eval_count],
        [prompt.response, prompt.model == f"{model('text')}:latest"],
        "".join(piece.response for piece in pieces),
    ]


def asynchronous():
    async def ask():
        said = ""
        async for part in await ollama.AsyncClient(host=url).chat(model=model("text"), messages=user, stream=True):
            said += part.message.content
        return said

    return asyncio.run(ask())


def calls():
    whole = client.chat(model=model("calls"), messages=user, tools=[weather])
    streamed = list(client.chat(model=model("calls"), messages=user, tools=[weather], stream=True))
    results = [{"role": "tool", "tool_name": call.function.name, "content": weather(**call.function.arguments)} for call in whole.message.tool_calls]
    after = client.chat(model=model("text"), messages=[*user, whole.message, *results], tools=[weather])
    cities = [call.function.arguments["city"] for part in streamed for call in part.message.tool_calls or []]
    return [[result["content"] for result in results], cities, after.message.content]


def shape():
    answer = client.chat(model=model("shape"), messages=user, format=schema)
    return json.loads(answer.message.content)["city"]


def errors():
    told = []
    for name in ("invalid", "limited"):
        try:
            client.chat(model=model(name), messages=user)
        except ollama.ResponseError as error:
            told.append(error.status_code)
    words = ""
    try:
        for part in client.chat(model=model("broken"), messages=user, stream=True):
            words += part.message.content
    except ollama.ResponseError as error:
        told += [words.startswith("0 1 "), error.error != ""]
    return told


def embed():
    many = client.embed(model=model("vectors"), input=["a b", "c"])
    one = client.embeddings(model=model("vectors"), prompt="a b")
    return [[len(vector) for vector in many.embeddings], one.embedding == many.embeddings[0]]


def left():
    stream = client.chat(model=model("endless"), messages=user, stream=True)
    next(stream)
    stream.close()
    return True


def local():
    cut = client.embed(model="encoder", input="bread " * 200, dimensions=8)
    try:
        client.embed(model="encoder", input="bread " * 200, truncate=False)
    except ollama.ResponseError as error:
        told = [error.status_code, error.error.startswith("input")]
    client.generate(model="tiny", prompt="", keep_alive="10m")
    running = {each.name: each for each in client.ps().models}
    stays = (running["tiny:latest"].expires_at - datetime.now(timezone.utc)).total_seconds()
    client.generate(model="tiny", keep_alive=0)
    left = [each.name for each in client.ps().models]
    return [len(cut.embeddings[0]), told, 500 < stays <= 600, "tiny:latest" in left]


def managed():
    steps = list(client.pull("small", stream=True))
    listed = {each.model: each for each in client.list().models}["small:latest"]
    shown = client.show("small")
    answer = client.generate(model="small", prompt="hi", options=ollama.Options(num_predict=3, temperature=0))
    client.generate(model="small", keep_alive=0)
    deleted = client.delete("small").status
    remains = [each.model for each in client.list().models]
    known = next(step for step in steps if step.digest)
    return [
        [steps[-1].status, known.digest == f"sha256:{listed.digest}", known.total == listed.size],
        [shown.details.family, shown.modelinfo["general.architecture"], shown.capabilities, shown.modified_at == listed.modified_at],
        [answer.done_reason, answer.eval_count],
        [deleted, "small:latest" in remains],
    ]


def refused():
    told = []
    for ask in (
        lambda: client.create(model="mine", from_="echo"),
        lambda: client.copy("echo", "mine"),
        lambda: client.push("echo"),
        lambda: client.show("nobody"),
    ):
        try:
            ask()
        except ollama.ResponseError as error:
            told.append(error.status_code)
    return told


def real():
    name = "smollm2-135m-instruct"
    messages = [{"role": "system", "content": "Complete the sentence."}, {"role": "user", "content": "The capital of France is"}]
    options = {"temperature": 0, "num_predict": 24}
    whole = client.chat(model=name, messages=messages, options=options)
    streamed = "".join(part.message.content for part in client.chat(model=name, messages=messages, options=options, stream=True))
    shaped = client.generate(model=name, prompt="Where is it?", format=schema, options={"temperature": 0, "num_predict": 100})
    logprobs = client.generate(model=name, prompt="The capital of France is", raw=True, logprobs=True, options={"temperature": 0, "num_predict": 2})
    return ["Paris" in whole.message.content, streamed == whole.message.content, list(json.loads(shaped.response)), logprobs.logprobs[0].token]


told = {}
for word in sys.argv[2:]:
    check, upstream = word.split(":")
    try:
        told[word] = globals()[check]()
    except Exception:
        told[word] = traceback.format_exc()
print(json.dumps(told))
