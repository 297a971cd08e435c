/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* Uses frond from C++17: a scope as an object, an error handler that throws through the library, the short forms. */
#include <frond.h>

#include <cstdio>
#include <stdexcept>

namespace
{

class scope
{
  public:
    scope() : number(fr_scope_begin())
    {
    }
    ~scope()
    {
        fr_scope_end(number);
    }
    scope(const scope &) = delete;
    scope &operator=(const scope &) = delete;

  private:
    int number;
};

struct failure : std::runtime_error {
    using std::runtime_error::runtime_error;
};

void throw_failure(const char *message, void *)
{
    throw failure(message);
}

double derivative_at(double at)
{
    scope held;
    fr_tensor *x = fr_requires_grad(fr_scalar(at));

    fr_backward(fr_square(x));
    return fr_item(fr_grad(x));
}

/* The sum over two epochs of x + y, with a model that owners free. */
double sum_of_batches()
{
    FR_SCOPE;
    FR_AUTO(fr_module) model = FR_SEQUENTIAL(fr_nn_identity(), fr_nn_relu());
    FR_AUTO(fr_loader) loader = fr_loader_new(FR_TENSORS(fr_ones(FR_SHAPE(3)), fr_zeros(FR_SHAPE(3))), nullptr);
    double sum = 0;

    FR_FOR_STEPS (epoch, 2)
        FR_FOR_BATCHES (loader, x, y)
            sum += fr_item(fr_sum(FR_CAT(0, fr_forward(model, x), y)));
    return sum;
}

} // namespace

int main()
{
    fr_set_error_handler(throw_failure, nullptr);
    std::printf("%g\n", derivative_at(3));
    std::printf("%g\n", sum_of_batches());
    try {
        FR_SCOPE;
        scope held;

        fr_matmul(fr_ones(FR_SHAPE(4, 3)), fr_ones(FR_SHAPE(5, 2)));
        std::puts("nothing was thrown");
    } catch (const failure &e) {
        std::puts(e.what());
    }
    std::printf("%zu tensors alive\n", fr_live_tensors());
    return 0;
}
