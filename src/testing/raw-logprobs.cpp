// What our logprobs are held against: llama.cpp's own API, greedy, with the logarithm of its softmax in double precision.
// usage: raw-logprobs <backends> <model> <new tokens> <alternatives> <ids...>; one line of JSON a token: [id, logprob, [[id, logprob], ...]].
#include "llama.h"
#include "ggml-backend.h"
#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <numeric>
#include <vector>

int main(int argc, char ** argv) {
    if (argc < 6) { fprintf(stderr, "usage: raw-logprobs <backends> <model> <new tokens> <alternatives> <ids...>\n"); return 2; }
    llama_log_set([](ggml_log_level, const char *, void *) {}, nullptr);
    ggml_backend_load_all_from_path(argv[1]);
    llama_model * model = llama_model_load_from_file(argv[2], llama_model_default_params());
    if (model == nullptr) { fprintf(stderr, "the model cannot be loaded\n"); return 1; }
    const int new_tokens = atoi(argv[3]), alternatives = atoi(argv[4]);
    std::vector<llama_token> tokens;
    for (int at = 5; at < argc; at++) tokens.push_back(atoi(argv[at]));
    llama_context_params params = llama_context_default_params();
    params.n_threads = params.n_threads_batch = 1;
    params.n_ctx = 512;
    params.n_batch = params.n_ubatch = 512;
    llama_context * context = llama_init_from_model(model, params);
    if (context == nullptr) { fprintf(stderr, "the context cannot be made\n"); return 1; }
    const int vocabulary = llama_vocab_n_tokens(llama_model_get_vocab(model));

    for (int written = 0; written < new_tokens; written++) {
        if (llama_decode(context, llama_batch_get_one(tokens.data(), (int) tokens.size())) != 0) { fprintf(stderr, "decode failed\n"); return 1; }
        const float * logits = llama_get_logits_ith(context, -1);
        std::vector<int> order(vocabulary);
        std::iota(order.begin(), order.end(), 0);
        std::partial_sort(order.begin(), order.begin() + alternatives, order.end(), [&](int a, int b) { return logits[a] > logits[b]; });
        double sum = 0;
        for (int id = 0; id < vocabulary; id++) sum += std::exp((double) logits[id] - logits[order[0]]);
        auto logprob = [&](int id) { return (double) logits[id] - logits[order[0]] - std::log(sum); };
        printf("[%d,%.6f,[", order[0], logprob(order[0]));
        for (int at = 0; at < alternatives; at++) printf("%s[%d,%.6f]", at > 0 ? "," : "", order[at], logprob(order[at]));
        printf("]]\n");
        tokens = { order[0] };
    }
    return 0;
}
