//! Makes the client's code of Parley's contract, with a protoc that comes as a crate.

use std::path::PathBuf;

const FILES: [&str; 7] = [
    "parley/v1/chat.proto",
    "parley/v1/embeddings.proto",
    "parley/v1/models.proto",
    "parley/v1/providers.proto",
    "parley/v1/rerank.proto",
    "parley/v1/tokens.proto",
    "grpc/health/v1/health.proto",
];

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let protos = PathBuf::from("../../../proto");
    // Read by the generator below, in this process alone.
    unsafe { std::env::set_var("PROTOC", protoc_bin_vendored::protoc_bin_path()?) };
    println!("cargo::rerun-if-changed={}", protos.display());
    let files: Vec<_> = FILES.iter().map(|file| protos.join(file)).collect();
    tonic_prost_build::configure().build_server(false).compile_protos(&files, &[protos])?;
    Ok(())
}
