/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* A BiLSTM-CRF names the entities in two sentences: the tagger of PyTorch's tutorials. */
#include <frond.h>

#include <stdio.h>
#include <string.h>

enum { MAX_WORDS = 32, SENTENCES = 2 };

typedef struct {
    char word[MAX_WORDS][16];
    int count;
} vocabulary;

typedef struct {
    fr_module *embedding, *lstm, *hidden2tag, *crf;
} bilstm_crf;

/* (T,1) -> (T,1,tags) */
static fr_tensor *emissions(const bilstm_crf *net, fr_tensor *sentence)
{
    fr_recurrent y = fr_recurrent_forward(net->lstm, fr_forward(net->embedding, sentence), NULL);

    return fr_forward(net->hidden2tag, y.out);
}

/* The numbers of the text's words, (T,1); new ones go into the vocabulary. */
static fr_tensor *to_numbers(const char *text, vocabulary *v)
{
    int64_t number[MAX_WORDS], n = 0;

    for (int used; sscanf(text, "%15s%n", v->word[v->count], &used) == 1; text += used, n++) {
        for (number[n] = 0; strcmp(v->word[number[n]], v->word[v->count]) != 0; number[n]++)
            continue;
        v->count += number[n] == v->count;
    }
    return fr_tensor_from(FR_SHAPE(n, 1), number, FR_I64);
}

int main(void)
{
    FR_SCOPE;
    static const char *const text[] = { "the wall street journal reported today that apple corporation made money",
                                        "georgia tech is a university in georgia" };
    static const char *const text_tags[] = { "B I I I O O O B I O O", "B I O O O O B" };
    vocabulary words = { 0 }, tags = { 0 };
    fr_tensor *sentence[SENTENCES], *names[SENTENCES];

    for (int i = 0; i < SENTENCES; i++) {
        sentence[i] = to_numbers(text[i], &words);
        names[i] = to_numbers(text_tags[i], &tags);
    }
    fr_manual_seed(0);

    FR_AUTO(fr_module) model = fr_module_new("BiLSTMCRF", sizeof(bilstm_crf), NULL);
    bilstm_crf *net = fr_self(model);

    net->embedding = fr_module_add(model, "embedding", fr_nn_embedding(words.count, 8, NULL));
    net->lstm = fr_module_add(model, "lstm", fr_nn_lstm(8, 8, &(fr_recurrent_options){ .bidirectional = true }));
    net->hidden2tag = fr_module_add(model, "hidden2tag", fr_nn_linear(16, tags.count, NULL));
    net->crf = fr_module_add(model, "crf", fr_nn_crf(tags.count, NULL));

    FR_AUTO(fr_optim) optimizer = fr_sgd(model, &(fr_sgd_options){ .lr = 0.1, .weight_decay = 1e-4 });

    FR_FOR_STEPS (epoch, 41) {
        double total = 0;

        for (int i = 0; i < SENTENCES; i++) {
            fr_tensor *scores = emissions(net, sentence[i]);
            fr_tensor *loss = fr_neg(fr_crf_log_likelihood(net->crf, scores, names[i], NULL, FR_SUM));

            fr_optim_zero_grad(optimizer);
            fr_backward(loss);
            fr_optim_step(optimizer);
            total += fr_item(loss);
        }
        if (epoch % 10 == 0)
            printf("epoch %2d  loss %.4f\n", epoch, total);
    }
    for (int i = 0; i < SENTENCES; i++) {
        fr_tensor *path = fr_crf_decode(net->crf, emissions(net, sentence[i]), NULL).tags;

        for (int64_t t = 0; t < fr_numel(path); t++)
            printf(t ? " %s" : "%s", tags.word[(int)fr_at(path, t)]);
        putchar('\n');
    }
    return 0;
}
