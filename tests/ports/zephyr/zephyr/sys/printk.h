// SPDX-License-Identifier: Apache-2.0
// A stub, see kernel.h.
__attribute__((format(printf, 1, 2))) void
printk(const char *format, ...);
