// Calls every RPC of Parley with grpc-go, and prints what each answers.
//
// usage: client ADDRESS, such as localhost:8080. Where PARLEY_CA names the certificates of whoever signed the service's (PEM), it speaks TLS and shows the key
// in PARLEY_API_KEY.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"os"
	"strings"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
	parley "parley.example/gen/parley/v1"
)

func says(text string) []*parley.Message {
	part := &parley.Part{Part: &parley.Part_Text{Text: &parley.Text{Text: text}}}
	return []*parley.Message{{Role: parley.Role_ROLE_USER, Parts: []*parley.Part{part}}}
}

func ask(model string) *parley.ChatRequest {
	return &parley.ChatRequest{Model: model, Messages: says("one two three")}
}

// must ends the program where a call fails.
func must[Answer any](answer Answer, err error) Answer {
	if err != nil {
		log.Fatal(err)
	}
	return answer
}

// all reads a stream to its end.
func all[Event any](stream grpc.ServerStreamingClient[Event], err error) ([]*Event, error) {
	if err != nil {
		return nil, err
	}
	var events []*Event
	for {
		event, err := stream.Recv()
		if errors.Is(err, io.EOF) {
			return events, nil
		}
		if err != nil {
			return events, err
		}
		events = append(events, event)
	}
}

// bearer shows a key with each call.
type bearer string

func (key bearer) GetRequestMetadata(context.Context, ...string) (map[string]string, error) {
	return map[string]string{"authorization": "Bearer " + string(key)}, nil
}

func (bearer) RequireTransportSecurity() bool { return true }

func open(address string) (*grpc.ClientConn, error) {
	authorities, isSecure := os.LookupEnv("PARLEY_CA")
	if !isSecure {
		return grpc.NewClient(address, grpc.WithTransportCredentials(insecure.NewCredentials()))
	}
	tls := must(credentials.NewClientTLSFromFile(authorities, ""))
	key := bearer(os.Getenv("PARLEY_API_KEY"))
	return grpc.NewClient(address, grpc.WithTransportCredentials(tls), grpc.WithPerRPCCredentials(key))
}

func main() {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	channel := must(open(os.Args[1]))
	defer channel.Close()

	chat(ctx, parley.NewChatServiceClient(channel))
	models := parley.NewModelServiceClient(channel)
	load(ctx, models)
	tokens(ctx, parley.NewTokenServiceClient(channel))
	vectors(ctx, channel)
	unload(ctx, models)
	health(ctx, grpc_health_v1.NewHealthClient(channel))
}

func chat(ctx context.Context, client parley.ChatServiceClient) {
	answer := must(client.Chat(ctx, ask("echo")))
	fmt.Println("Chat:", answer.Choices[0].Message.Parts[0].GetText().Text)
	var text strings.Builder
	for _, event := range must(all(client.Stream(ctx, ask("echo")))) {
		text.WriteString(event.GetText().GetText())
	}
	fmt.Println("Stream:", text.String())
}

func load(ctx context.Context, client parley.ModelServiceClient) {
	var names []string
	for _, model := range must(client.ListModels(ctx, &parley.ListModelsRequest{})).Models {
		names = append(names, model.Id)
	}
	fmt.Println("ListModels:", strings.Join(names, ", "))
	fmt.Println("GetModel:", must(client.GetModel(ctx, &parley.GetModelRequest{Model: "tiny"})).Model.Id)
	loaded := must(all(client.LoadModel(ctx, &parley.LoadModelRequest{Model: "tiny"})))
	fmt.Println("LoadModel:", loaded[len(loaded)-1].Model.State)
	warmed := must(client.WarmPrompt(ctx, &parley.WarmPromptRequest{Model: "tiny", Messages: says("one two three")}))
	fmt.Println("WarmPrompt:", warmed.PromptTokens, "tokens")
	fmt.Println("SetDefaultModel:", must(client.SetDefaultModel(ctx, &parley.SetDefaultModelRequest{Model: "tiny"})).Model.Id)
}

func tokens(ctx context.Context, client parley.TokenServiceClient) {
	split := must(client.Tokenize(ctx, &parley.TokenizeRequest{Model: "tiny", Text: "one two three"}))
	fmt.Println("Tokenize:", len(split.TokenIds), "tokens")
	fmt.Println("Detokenize:", must(client.Detokenize(ctx, &parley.DetokenizeRequest{Model: "tiny", TokenIds: split.TokenIds})).Text)
	fmt.Println("CountTokens:", must(client.CountTokens(ctx, &parley.CountTokensRequest{Chat: ask("tiny")})).PromptTokens, "tokens")
	rendered := must(client.RenderPrompt(ctx, &parley.RenderPromptRequest{Chat: ask("tiny")}))
	fmt.Println("RenderPrompt:", len(rendered.Prompt), "characters")
}

func vectors(ctx context.Context, channel *grpc.ClientConn) {
	var inputs []*parley.EmbedInput
	for _, text := range []string{"the bread", "the river"} {
		inputs = append(inputs, &parley.EmbedInput{Input: &parley.EmbedInput_Text{Text: text}})
	}
	asked := &parley.EmbedRequest{Model: "encoder", Inputs: inputs, Dimensions: proto.Int32(8)}
	made := must(parley.NewEmbeddingServiceClient(channel).Embed(ctx, asked))
	fmt.Println("Embed:", len(made.Embeddings), "vectors of", len(made.Embeddings[0].Values))
	rank := &parley.RerankRequest{Model: "ranker", Query: "bake", Documents: []string{"the river", "the bread"}}
	fmt.Println("Rerank:", len(must(parley.NewRerankServiceClient(channel).Rerank(ctx, rank)).Results), "results")
	var names []string
	for _, each := range must(parley.NewProviderServiceClient(channel).ListProviders(ctx, &parley.ListProvidersRequest{})).Providers {
		names = append(names, each.Name)
	}
	fmt.Println("ListProviders:", strings.Join(names, ", "))
}

func unload(ctx context.Context, client parley.ModelServiceClient) {
	_, err := all(client.PullModel(ctx, &parley.PullModelRequest{Model: "nobody"}))
	fmt.Println("PullModel:", status.Code(err))
	fmt.Println("UnloadModel:", must(client.UnloadModel(ctx, &parley.UnloadModelRequest{Model: "tiny"})).Model.Id)
	fmt.Println("DeleteModel:", must(client.DeleteModel(ctx, &parley.DeleteModelRequest{Model: "spare"})).FreedBytes, "bytes")
}

func health(ctx context.Context, client grpc_health_v1.HealthClient) {
	asked := &grpc_health_v1.HealthCheckRequest{}
	fmt.Println("Check:", must(client.Check(ctx, asked)).Status)
	watched := must(client.Watch(ctx, asked))
	fmt.Println("Watch:", must(watched.Recv()).Status)
	fmt.Println("List:", must(client.List(ctx, &grpc_health_v1.HealthListRequest{})).Statuses[""].Status)
}
