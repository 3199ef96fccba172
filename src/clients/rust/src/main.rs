//! Calls every RPC of Parley with tonic, and prints what each answers.
//!
//! usage: parley-example ADDRESS, such as localhost:8080. Where PARLEY_CA names the certificates of whoever signed the service's (PEM), it speaks TLS and
//! shows the key in PARLEY_API_KEY.

use parley::v1::chat_event::Event;
use parley::v1::chat_service_client::ChatServiceClient;
use parley::v1::embedding_service_client::EmbeddingServiceClient;
use parley::v1::model_service_client::ModelServiceClient;
use parley::v1::part::Part as Content;
use parley::v1::provider_service_client::ProviderServiceClient;
use parley::v1::rerank_service_client::RerankServiceClient;
use parley::v1::token_service_client::TokenServiceClient;
use parley::v1::*;
use tonic::metadata::AsciiMetadataValue;
use tonic::service::Interceptor;
use tonic::service::interceptor::InterceptedService;
use tonic::transport::{Certificate, ClientTlsConfig, Endpoint};
use tonic::{Request, Status};

mod parley {
    pub mod v1 {
        tonic::include_proto!("parley.v1");
    }
}

mod health {
    tonic::include_proto!("grpc.health.v1");
}

/// Shows a key with each call, where there is one.
#[derive(Clone)]
struct Bearer(Option<AsciiMetadataValue>);

impl Interceptor for Bearer {
    fn call(&mut self, mut request: Request<()>) -> Result<Request<()>, Status> {
        if let Some(key) = &self.0 {
            request.metadata_mut().insert("authorization", key.clone());
        }
        Ok(request)
    }
}

type Channel = InterceptedService<tonic::transport::Channel, Bearer>;

async fn open(address: &str) -> Result<Channel, Box<dyn std::error::Error>> {
    let Ok(authorities) = std::env::var("PARLEY_CA") else {
        let plain = Endpoint::from_shared(format!("http://{address}"))?.connect().await?;
        return Ok(InterceptedService::new(plain, Bearer(None)));
    };
    let tls = ClientTlsConfig::new().ca_certificate(Certificate::from_pem(std::fs::read(authorities)?));
    let secure = Endpoint::from_shared(format!("https://{address}"))?.tls_config(tls)?.connect().await?;
    let key = format!("Bearer {}", std::env::var("PARLEY_API_KEY")?).parse()?;
    Ok(InterceptedService::new(secure, Bearer(Some(key))))
}

fn says(text: &str) -> Vec<Message> {
    let content = Content::Text(Text { text: text.into(), ..Default::default() });
    let part = Part { part: Some(content), ..Default::default() };
    vec![Message { role: Role::User.into(), parts: vec![part], ..Default::default() }]
}

fn ask(model: &str) -> ChatRequest {
    ChatRequest { model: model.into(), messages: says("one two three"), ..Default::default() }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let address = std::env::args().nth(1).ok_or("usage: parley-example ADDRESS")?;
    let channel = open(&address).await?;
    chat(channel.clone()).await?;
    load(channel.clone()).await?;
    tokens(channel.clone()).await?;
    vectors(channel.clone()).await?;
    unload(channel.clone()).await?;
    health(channel).await?;
    Ok(())
}

async fn chat(channel: Channel) -> Result<(), Status> {
    let mut client = ChatServiceClient::new(channel);
    let answer = client.chat(ask("echo")).await?.into_inner();
    let message = answer.choices.into_iter().next().and_then(|choice| choice.message).unwrap_or_default();
    for part in message.parts {
        if let Some(Content::Text(text)) = part.part {
            println!("Chat: {}", text.text);
        }
    }
    let mut events = client.stream(ask("echo")).await?.into_inner();
    let mut text = String::new();
    while let Some(event) = events.message().await? {
        if let Some(Event::Text(delta)) = event.event {
            text.push_str(&delta.text);
        }
    }
    println!("Stream: {text}");
    Ok(())
}

async fn load(channel: Channel) -> Result<(), Status> {
    let mut client = ModelServiceClient::new(channel);
    let models = client.list_models(ListModelsRequest::default()).await?.into_inner().models;
    let names: Vec<_> = models.into_iter().map(|model| model.id).collect();
    println!("ListModels: {}", names.join(", "));
    let found = client.get_model(GetModelRequest { model: "tiny".into() }).await?.into_inner();
    println!("GetModel: {}", found.model.unwrap_or_default().id);
    let asked = LoadModelRequest { model: "tiny".into(), ..Default::default() };
    let mut progress = client.load_model(asked).await?.into_inner();
    let mut model = Model::default();
    while let Some(step) = progress.message().await? {
        model = step.model.unwrap_or_default();
    }
    println!("LoadModel: {}", model.state().as_str_name());
    let prompt = WarmPromptRequest { model: "tiny".into(), messages: says("one two three"), ..Default::default() };
    println!("WarmPrompt: {} tokens", client.warm_prompt(prompt).await?.into_inner().prompt_tokens);
    let set = client.set_default_model(SetDefaultModelRequest { model: "tiny".into() }).await?.into_inner();
    println!("SetDefaultModel: {}", set.model.unwrap_or_default().id);
    Ok(())
}

async fn tokens(channel: Channel) -> Result<(), Status> {
    let mut client = TokenServiceClient::new(channel);
    let model = String::from("tiny");
    let text = TokenizeRequest { model: model.clone(), text: "one two three".into(), ..Default::default() };
    let token_ids = client.tokenize(text).await?.into_inner().token_ids;
    println!("Tokenize: {} tokens", token_ids.len());
    let joined = client.detokenize(DetokenizeRequest { model, token_ids }).await?.into_inner();
    println!("Detokenize: {}", joined.text);
    let counted = client.count_tokens(CountTokensRequest { chat: Some(ask("tiny")) }).await?.into_inner();
    println!("CountTokens: {} tokens", counted.prompt_tokens);
    let rendered = client.render_prompt(RenderPromptRequest { chat: Some(ask("tiny")) }).await?.into_inner();
    println!("RenderPrompt: {} characters", rendered.prompt.len());
    Ok(())
}

async fn vectors(channel: Channel) -> Result<(), Status> {
    let inputs = ["the bread", "the river"].map(|text| EmbedInput { input: Some(embed_input::Input::Text(text.into())) });
    let asked = EmbedRequest {
        model: "encoder".into(),
        inputs: inputs.into(),
        dimensions: Some(8),
        ..Default::default()
    };
    let made = EmbeddingServiceClient::new(channel.clone()).embed(asked).await?.into_inner().embeddings;
    println!("Embed: {} vectors of {}", made.len(), made[0].values.len());
    let asked = RerankRequest {
        model: "ranker".into(),
        query: "bake".into(),
        documents: vec!["the river".into(), "the bread".into()],
        ..Default::default()
    };
    let ranked = RerankServiceClient::new(channel.clone()).rerank(asked).await?.into_inner();
    println!("Rerank: {} results", ranked.results.len());
    let listed = ProviderServiceClient::new(channel).list_providers(ListProvidersRequest::default()).await?.into_inner();
    let names: Vec<_> = listed.providers.into_iter().map(|provider| provider.name).collect();
    println!("ListProviders: {}", names.join(", "));
    Ok(())
}

async fn unload(channel: Channel) -> Result<(), Status> {
    let mut client = ModelServiceClient::new(channel);
    let pulled = match client.pull_model(PullModelRequest { model: "nobody".into() }).await {
        Ok(progress) => progress.into_inner().message().await.map(|_| ()),
        Err(status) => Err(status),
    };
    println!("PullModel: {:?}", pulled.map_or_else(|status| status.code(), |()| tonic::Code::Ok));
    let unloaded = client.unload_model(UnloadModelRequest { model: "tiny".into() }).await?.into_inner();
    println!("UnloadModel: {}", unloaded.model.unwrap_or_default().id);
    let deleted = client.delete_model(DeleteModelRequest { model: "spare".into() }).await?.into_inner();
    println!("DeleteModel: {} bytes", deleted.freed_bytes);
    Ok(())
}

async fn health(channel: Channel) -> Result<(), Status> {
    let mut client = health::health_client::HealthClient::new(channel);
    let asked = health::HealthCheckRequest::default();
    println!("Check: {}", client.check(asked.clone()).await?.into_inner().status().as_str_name());
    let first = client.watch(asked).await?.into_inner().message().await?.unwrap_or_default();
    println!("Watch: {}", first.status().as_str_name());
    let mut listed = client.list(health::HealthListRequest::default()).await?.into_inner().statuses;
    println!("List: {}", listed.remove("").unwrap_or_default().status().as_str_name());
    Ok(())
}
