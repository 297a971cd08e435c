/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* frond: an autograd tensor mini-framework. This header includes all public headers except <frond/op.h>,
 * <frond/c_code.h> and <frond/onnx.h>, which only authors of ops need. */
#ifndef FROND_H
#define FROND_H

#include <frond/error.h>
#include <frond/tensor.h>
#include <frond/ops.h>
#include <frond/autograd.h>
#include <frond/capture.h>
#include <frond/distributions.h>
#include <frond/nn.h>
#include <frond/decoding.h>
#include <frond/optim.h>
#include <frond/data.h>
#include <frond/io.h>
#include <frond/log.h>
#include <frond/export.h>
#include <frond/fit.h>
#include <frond/process_group.h>
#include <frond/short.h>
/* Macros with the functions' own names: they note the place of each call, which error messages then show. Define
 * FR_NO_CALL_SITES to leave them out. Generated from the headers above. */
#ifndef FR_NO_CALL_SITES
#include <frond/call_sites.h>
#endif

#endif
