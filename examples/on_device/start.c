/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* What runs before main on a Cortex-M with nothing around it: the vector table, from which the processor takes its
 * stack and its first function, and that function. board.ld says where all of it lies. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

extern char data_start[], data_end[], data_in_flash[], bss_start[], bss_end[], stack_top[]; /* board.ld */

void initialise_monitor_handles(void); /* of newlib's librdimon: printf through the debugger, here QEMU */
void _exit(int status);
int main(void);

static void start(void)
{
#ifdef __ARM_FP
    *(volatile uint32_t *)0xE000ED88 |= 0xFU << 20; /* CPACR: the floating-point unit is off after reset */
    __asm__ volatile("dsb\n\tisb" ::: "memory");
#endif
    memcpy(data_start, data_in_flash, (size_t)(data_end - data_start));
    memset(bss_start, 0, (size_t)(bss_end - bss_start));
    initialise_monitor_handles();
    exit(main());
}

/* Whatever goes wrong: an address that is not there, an instruction that this processor has not. */
static void fault(void)
{
    _exit(EXIT_FAILURE);
}

typedef struct {
    void *stack;
    void (*handlers[15])(void); /* reset; non-maskable interrupt, faults; interrupts, which nothing here turns on */
} vector_table;

const vector_table vectors
    __attribute__((section(".vectors"), used)) = { stack_top, { start, fault, fault, fault, fault, fault } };
