/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* The names are those of PyTorch's state_dict, so in Python safetensors.torch.load_file gives what load_state_dict
 * takes. */
#include <frond.h>

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static fr_module *network(void)
{
    fr_module *m = fr_module_new("SimpleRNN", 0, NULL);

    fr_module_add(m, "rnn", fr_nn_rnn(1, 32, &(fr_recurrent_options){ .batch_first = true }));
    fr_module_add(m, "fc", fr_nn_linear(32, 1, NULL));
    return m;
}

static fr_tensor *predict(fr_module *m, fr_tensor *x)
{
    fr_recurrent seq = fr_recurrent_forward(fr_module_at(m, 0), x, NULL);

    return fr_sigmoid(fr_forward(fr_module_at(m, 1), fr_select(seq.out, 1, -1)));
}

int main(void)
{
    FR_SCOPE;
    char path[] = "/tmp/simple_rnn.XXXXXX";
    FR_AUTO(fr_module) first = network();
    FR_AUTO(fr_module) second = network();
    fr_tensor *x = fr_randn(FR_SHAPE(4, 10, 1));

    close(mkstemp(path));
    printf("before: the same predictions: %s\n", fr_equal(predict(first, x), predict(second, x)) ? "yes" : "no");
    fr_save(first, path);
    fr_load_into(second, path);
    printf("after:  the same predictions: %s\n", fr_equal(predict(first, x), predict(second, x)) ? "yes" : "no");

    fr_tensors *file = fr_load(path);

    for (int i = 0; i < fr_tensors_count(file); i++)
        printf("%s\n", fr_tensors_name(file, i));
    fr_tensors_free(file);
    unlink(path);
    return 0;
}
