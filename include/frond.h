/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* frond: an autograd tensor mini-framework. Everything but <frond/op.h>, which only writers of ops need. */
#ifndef FROND_H
#define FROND_H

#include <frond/error.h>
#include <frond/tensor.h>
#include <frond/ops.h>
#include <frond/autograd.h>
#include <frond/nn.h>
#include <frond/optim.h>
#include <frond/data.h>
#include <frond/io.h>
#include <frond/log.h>
#include <frond/export.h>
/* Macros of the functions' own names, which note the place of each call for error messages; FR_NO_CALL_SITES leaves
 * them out. Generated from the headers above. */
#ifndef FR_NO_CALL_SITES
#include <frond/call_sites.h>
#endif

#endif
