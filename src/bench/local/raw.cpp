// The raw baseline: llama.cpp's own API in a loop, on the libraries that node-llama-cpp ships. One line in, one line out:
// "<streams> <new tokens> <prompt tokens> <ids...>" -> "<tokens> <ms in all> <ms until the first token of every stream>".
#include "llama.h"
#include "ggml-backend.h"
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <iostream>
#include <string>
#include <vector>

static double now_ms() {
    return std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

static void add(llama_batch & batch, llama_token token, llama_pos position, llama_seq_id sequence, bool wants_logits) {
    const int at = batch.n_tokens++;
    batch.token[at] = token;
    batch.pos[at] = position;
    batch.n_seq_id[at] = 1;
    batch.seq_id[at][0] = sequence;
    batch.logits[at] = wants_logits;
}

static llama_token best(const float * logits, int vocabulary) {
    return (llama_token) (std::max_element(logits, logits + vocabulary) - logits);
}

int main(int argc, char ** argv) {
    if (argc != 8) { fprintf(stderr, "usage: raw <backends> <model> <threads> <sequences> <context> <batch> <mapped|copied>\n"); return 2; }
    llama_log_set([](ggml_log_level, const char *, void *) {}, nullptr);
    ggml_backend_load_all_from_path(argv[1]);
    llama_model_params weights = llama_model_default_params();
    weights.load_mode = std::string(argv[7]) == "mapped" ? LLAMA_LOAD_MODE_MMAP : LLAMA_LOAD_MODE_NONE;
    llama_model * model = llama_model_load_from_file(argv[2], weights);
    if (model == nullptr) { fprintf(stderr, "the model cannot be loaded\n"); return 1; }
    const int sequences = atoi(argv[4]), most = atoi(argv[6]);
    llama_context_params params = llama_context_default_params();
    params.n_threads = params.n_threads_batch = atoi(argv[3]);
    params.n_seq_max = sequences;
    params.n_ctx = (uint32_t) (sequences * atoi(argv[5]));
    params.n_batch = params.n_ubatch = most;
    params.kv_unified = false;
    llama_context * context = llama_init_from_model(model, params);
    if (context == nullptr) { fprintf(stderr, "the context cannot be made\n"); return 1; }
    const llama_vocab * vocab = llama_model_get_vocab(model);
    const int vocabulary = llama_vocab_n_tokens(vocab);
    llama_batch batch = llama_batch_init(most, 0, 1);
    printf("ready\n");
    fflush(stdout);

    int streams, new_tokens, prompt_tokens;
    while (std::cin >> streams >> new_tokens >> prompt_tokens) {
        std::vector<std::vector<llama_token>> prompts(streams, std::vector<llama_token>(prompt_tokens));
        for (auto & prompt : prompts) for (auto & token : prompt) std::cin >> token;
        llama_memory_clear(llama_get_memory(context), true);
        const double began = now_ms();
        std::vector<llama_token> last(streams);
        std::vector<int> written(streams, 0);
        std::vector<bool> ended(streams, false);
        int in_all = 0;
        auto draw = [&](int stream, int at) {
            last[stream] = best(llama_get_logits_ith(context, at), vocabulary);
            in_all++;
            ended[stream] = ++written[stream] == new_tokens || llama_vocab_is_eog(vocab, last[stream]);
        };
        // Prompts: as many tokens as a batch takes, streams in the order of their ids.
        std::vector<std::pair<int, int>> outputs;
        auto flush = [&]() {
            if (batch.n_tokens == 0) return;
            if (llama_decode(context, batch) != 0) { fprintf(stderr, "decode failed\n"); exit(1); }
            for (auto & [stream, at] : outputs) draw(stream, at);
            outputs.clear();
            batch.n_tokens = 0;
        };
        for (int stream = 0; stream < streams; stream++) for (int position = 0; position < prompt_tokens; position++) {
            if (batch.n_tokens == most) flush();
            const bool is_last = position == prompt_tokens - 1;
            add(batch, prompts[stream][position], position, stream, is_last);
            if (is_last) outputs.emplace_back(stream, batch.n_tokens - 1);
        }
        flush();
        const double first = now_ms();
        for (;;) {
            for (int stream = 0; stream < streams; stream++) {
                if (ended[stream]) continue;
                add(batch, last[stream], prompt_tokens + written[stream] - 1, stream, true);
                outputs.emplace_back(stream, batch.n_tokens - 1);
            }
            if (batch.n_tokens == 0) break;
            flush();
        }
        printf("%d %.3f %.3f\n", in_all, now_ms() - began, first - began);
        fflush(stdout);
    }
    return 0;
}
