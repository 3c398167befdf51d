/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SHIM_ASM_TPI_H
#define SHIM_ASM_TPI_H
struct tpi_info;
struct tpi_adapter_info;
#endif
