import io.grpc.CallCredentials;
import io.grpc.ChannelCredentials;
import io.grpc.CompositeChannelCredentials;
import io.grpc.Grpc;
import io.grpc.InsecureChannelCredentials;
import io.grpc.ManagedChannel;
import io.grpc.Metadata;
import io.grpc.Status;
import io.grpc.StatusRuntimeException;
import io.grpc.TlsChannelCredentials;
import io.grpc.health.v1.HealthCheckRequest;
import io.grpc.health.v1.HealthGrpc;
import io.grpc.health.v1.HealthListRequest;
import java.io.File;
import java.io.IOException;
import java.util.List;
import java.util.concurrent.Executor;
import java.util.stream.Collectors;
import parley.v1.Chat.ChatRequest;
import parley.v1.ChatServiceGrpc;
import parley.v1.EmbeddingServiceGrpc;
import parley.v1.Embeddings.EmbedInput;
import parley.v1.Embeddings.EmbedRequest;
import parley.v1.Messages.Message;
import parley.v1.Messages.Part;
import parley.v1.Messages.Role;
import parley.v1.Messages.Text;
import parley.v1.ModelServiceGrpc;
import parley.v1.Models.DeleteModelRequest;
import parley.v1.Models.GetModelRequest;
import parley.v1.Models.ListModelsRequest;
import parley.v1.Models.LoadModelRequest;
import parley.v1.Models.Model;
import parley.v1.Models.PullModelRequest;
import parley.v1.Models.SetDefaultModelRequest;
import parley.v1.Models.UnloadModelRequest;
import parley.v1.Models.WarmPromptRequest;
import parley.v1.ProviderServiceGrpc;
import parley.v1.Providers.ListProvidersRequest;
import parley.v1.Providers.ProviderStatus;
import parley.v1.Rerank.RerankRequest;
import parley.v1.RerankServiceGrpc;
import parley.v1.TokenServiceGrpc;
import parley.v1.Tokens.CountTokensRequest;
import parley.v1.Tokens.DetokenizeRequest;
import parley.v1.Tokens.RenderPromptRequest;
import parley.v1.Tokens.TokenizeRequest;

/**
 * Calls every RPC of Parley with grpc-java, and prints what each answers. Its argument is an address, such as localhost:8080. Where PARLEY_CA names the
 * certificates of whoever signed the service's (PEM), it speaks TLS and shows the key in PARLEY_API_KEY.
 */
public final class Client {
  public static void main(String[] words) throws IOException {
    ManagedChannel channel = Grpc.newChannelBuilder(words[0], credentials()).build();
    try {
      chat(ChatServiceGrpc.newBlockingStub(channel));
      load(ModelServiceGrpc.newBlockingStub(channel));
      tokens(TokenServiceGrpc.newBlockingStub(channel));
      vectors(channel);
      unload(ModelServiceGrpc.newBlockingStub(channel));
      health(HealthGrpc.newBlockingStub(channel));
    } finally {
      channel.shutdownNow();
    }
  }

  private static ChannelCredentials credentials() throws IOException {
    String authorities = System.getenv("PARLEY_CA");
    if (authorities == null) return InsecureChannelCredentials.create();
    ChannelCredentials tls = TlsChannelCredentials.newBuilder().trustManager(new File(authorities)).build();
    return CompositeChannelCredentials.create(tls, new Bearer(System.getenv("PARLEY_API_KEY")));
  }

  /** Shows a key with each call. */
  private static final class Bearer extends CallCredentials {
    private final Metadata headers = new Metadata();

    Bearer(String key) {
      headers.put(Metadata.Key.of("authorization", Metadata.ASCII_STRING_MARSHALLER), "Bearer " + key);
    }

    @Override
    public void applyRequestMetadata(RequestInfo call, Executor executor, MetadataApplier applier) {
      applier.apply(headers);
    }
  }

  private static void say(String rpc, Object answer) {
    System.out.println(rpc + ": " + answer);
  }

  private static Message says(String text) {
    Part part = Part.newBuilder().setText(Text.newBuilder().setText(text)).build();
    return Message.newBuilder().setRole(Role.ROLE_USER).addParts(part).build();
  }

  private static ChatRequest ask(String model) {
    return ChatRequest.newBuilder().setModel(model).addMessages(says("one two three")).build();
  }

  private static void chat(ChatServiceGrpc.ChatServiceBlockingStub chat) {
    say("Chat", chat.chat(ask("echo")).getChoices(0).getMessage().getParts(0).getText().getText());
    StringBuilder text = new StringBuilder();
    chat.stream(ask("echo")).forEachRemaining(event -> text.append(event.getText().getText()));
    say("Stream", text);
  }

  private static void load(ModelServiceGrpc.ModelServiceBlockingStub models) {
    List<Model> listed = models.listModels(ListModelsRequest.getDefaultInstance()).getModelsList();
    say("ListModels", listed.stream().map(Model::getId).collect(Collectors.joining(", ")));
    say("GetModel", models.getModel(GetModelRequest.newBuilder().setModel("tiny").build()).getModel().getId());
    Model[] model = {null};
    LoadModelRequest tiny = LoadModelRequest.newBuilder().setModel("tiny").build();
    models.loadModel(tiny).forEachRemaining(step -> model[0] = step.getModel());
    say("LoadModel", model[0].getState());
    WarmPromptRequest prompt = WarmPromptRequest.newBuilder().setModel("tiny").addMessages(says("one two three")).build();
    say("WarmPrompt", models.warmPrompt(prompt).getPromptTokens() + " tokens");
    SetDefaultModelRequest chosen = SetDefaultModelRequest.newBuilder().setModel("tiny").build();
    say("SetDefaultModel", models.setDefaultModel(chosen).getModel().getId());
  }

  private static void tokens(TokenServiceGrpc.TokenServiceBlockingStub tokens) {
    TokenizeRequest text = TokenizeRequest.newBuilder().setModel("tiny").setText("one two three").build();
    List<Integer> ids = tokens.tokenize(text).getTokenIdsList();
    say("Tokenize", ids.size() + " tokens");
    say("Detokenize", tokens.detokenize(DetokenizeRequest.newBuilder().setModel("tiny").addAllTokenIds(ids).build()).getText());
    CountTokensRequest counted = CountTokensRequest.newBuilder().setChat(ask("tiny")).build();
    say("CountTokens", tokens.countTokens(counted).getPromptTokens() + " tokens");
    RenderPromptRequest rendered = RenderPromptRequest.newBuilder().setChat(ask("tiny")).build();
    say("RenderPrompt", tokens.renderPrompt(rendered).getPrompt().length() + " characters");
  }

  private static void vectors(ManagedChannel channel) {
    EmbedRequest texts =
        EmbedRequest.newBuilder()
            .setModel("encoder")
            .addInputs(EmbedInput.newBuilder().setText("the bread"))
            .addInputs(EmbedInput.newBuilder().setText("the river"))
            .setDimensions(8)
            .build();
    var made = EmbeddingServiceGrpc.newBlockingStub(channel).embed(texts);
    say("Embed", made.getEmbeddingsCount() + " vectors of " + made.getEmbeddings(0).getValuesCount());
    RerankRequest documents =
        RerankRequest.newBuilder().setModel("ranker").setQuery("bake").addDocuments("the river").addDocuments("the bread").build();
    say("Rerank", RerankServiceGrpc.newBlockingStub(channel).rerank(documents).getResultsCount() + " results");
    var listed = ProviderServiceGrpc.newBlockingStub(channel).listProviders(ListProvidersRequest.getDefaultInstance());
    say("ListProviders", listed.getProvidersList().stream().map(ProviderStatus::getName).collect(Collectors.joining(", ")));
  }

  private static void unload(ModelServiceGrpc.ModelServiceBlockingStub models) {
    try {
      models.pullModel(PullModelRequest.newBuilder().setModel("nobody").build()).forEachRemaining(step -> {});
      say("PullModel", Status.Code.OK);
    } catch (StatusRuntimeException error) {
      say("PullModel", error.getStatus().getCode());
    }
    say("UnloadModel", models.unloadModel(UnloadModelRequest.newBuilder().setModel("tiny").build()).getModel().getId());
    DeleteModelRequest spare = DeleteModelRequest.newBuilder().setModel("spare").build();
    say("DeleteModel", models.deleteModel(spare).getFreedBytes() + " bytes");
  }

  private static void health(HealthGrpc.HealthBlockingStub health) {
    say("Check", health.check(HealthCheckRequest.getDefaultInstance()).getStatus());
    say("Watch", health.watch(HealthCheckRequest.getDefaultInstance()).next().getStatus());
    say("List", health.list(HealthListRequest.getDefaultInstance()).getStatusesMap().get("").getStatus());
  }
}
