"""Calls every RPC of Parley with grpcio, and prints what each answers. Needs grpcio and grpcio-health-checking.

usage: client.py ADDRESS, such as localhost:8080. The folder of the code that grpcio-tools made of proto/ is in PYTHONPATH. Where PARLEY_CA names the
certificates of whoever signed the service's (PEM), it speaks TLS and shows the key in PARLEY_API_KEY.
"""

import os
import pathlib
import sys

import grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc
from parley.v1 import chat_pb2, chat_pb2_grpc, embeddings_pb2, embeddings_pb2_grpc, messages_pb2, models_pb2, models_pb2_grpc
from parley.v1 import providers_pb2, providers_pb2_grpc, rerank_pb2, rerank_pb2_grpc, tokens_pb2, tokens_pb2_grpc



def open_channel(address):
    authorities = os.environ.get("PARLEY_CA")
    if authorities is None:
        return grpc.insecure_channel(address)
    tls = grpc.ssl_channel_credentials(pathlib.Path(authorities).read_bytes())
    # A bearer token goes over TLS alone: grpcio sends none otherwise.
    key = grpc.access_token_call_credentials(os.environ["PARLEY_API_KEY"])
    return grpc.secure_channel(address, grpc.composite_channel_credentials(tls, key))


channel = open_channel(sys.argv[1])
chat = chat_pb2_grpc.ChatServiceStub(channel)
embeddings = embeddings_pb2_grpc.EmbeddingServiceStub(channel)
models = models_pb2_grpc.ModelServiceStub(channel)
providers = providers_pb2_grpc.ProviderServiceStub(channel)
rerank = rerank_pb2_grpc.RerankServiceStub(channel)
tokens = tokens_pb2_grpc.TokenServiceStub(channel)
health = health_pb2_grpc.HealthStub(channel)


def says(text):
    part = messages_pb2.Part(text=messages_pb2.Text(text=text))
    return messages_pb2.Message(role=messages_pb2.ROLE_USER, parts=[part])


def ask(model):
    return chat_pb2.ChatRequest(model=model, messages=[says("one two three")])


answer = chat.Chat(ask("echo"), timeout=30)
print("Chat:", answer.choices[0].message.parts[0].text.text)
print("Stream:", "".join(event.text.text for event in chat.Stream(ask("echo"), timeout=30)))

listed = models.ListModels(models_pb2.ListModelsRequest())
print("ListModels:", ", ".join(model.id for model in listed.models))
print("GetModel:", models.GetModel(models_pb2.GetModelRequest(model="tiny")).model.id)
*_, loaded = models.LoadModel(models_pb2.LoadModelRequest(model="tiny"))
print("LoadModel:", models_pb2.ModelState.Name(loaded.model.state))
warmed = models.WarmPrompt(models_pb2.WarmPromptRequest(model="tiny", messages=[says("one two three")]))
print("WarmPrompt:", warmed.prompt_tokens, "tokens")
print("SetDefaultModel:", models.SetDefaultModel(models_pb2.SetDefaultModelRequest(model="tiny")).model.id)

split = tokens.Tokenize(tokens_pb2.TokenizeRequest(model="tiny", text="one two three"))
print("Tokenize:", len(split.token_ids), "tokens")
print("Detokenize:", tokens.Detokenize(tokens_pb2.DetokenizeRequest(model="tiny", token_ids=split.token_ids)).text)
print("CountTokens:", tokens.CountTokens(tokens_pb2.CountTokensRequest(chat=ask("tiny"))).prompt_tokens, "tokens")
rendered = tokens.RenderPrompt(tokens_pb2.RenderPromptRequest(chat=ask("tiny")))
print("RenderPrompt:", len(rendered.prompt), "characters")

inputs = [embeddings_pb2.EmbedInput(text=text) for text in ("the bread", "the river")]
made = embeddings.Embed(embeddings_pb2.EmbedRequest(model="encoder", inputs=inputs, dimensions=8))
print("Embed:", len(made.embeddings), "vectors of", len(made.embeddings[0].values))
ranked = rerank.Rerank(rerank_pb2.RerankRequest(model="ranker", query="bake", documents=["the river", "the bread"]))
print("Rerank:", len(ranked.results), "results")
print("ListProviders:", ", ".join(each.name for each in providers.ListProviders(providers_pb2.ListProvidersRequest()).providers))

try:
    for progress in models.PullModel(models_pb2.PullModelRequest(model="nobody")):
        print("PullModel:", progress.bytes_done)
except grpc.RpcError as error:
    print("PullModel:", error.code().name)
print("UnloadModel:", models.UnloadModel(models_pb2.UnloadModelRequest(model="tiny")).model.id)
print("DeleteModel:", models.DeleteModel(models_pb2.DeleteModelRequest(model="spare")).freed_bytes, "bytes")

status = health_pb2.HealthCheckResponse.ServingStatus
print("Check:", status.Name(health.Check(health_pb2.HealthCheckRequest()).status))
watched = health.Watch(health_pb2.HealthCheckRequest())
print("Watch:", status.Name(next(watched).status))
watched.cancel()
print("List:", status.Name(health.List(health_pb2.HealthListRequest()).statuses[""].status))
