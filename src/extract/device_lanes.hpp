// Extraction with an engine on a GPU: many threads read, few lanes drive the GPUs.
#pragma once

#include "extract/run.hpp"

namespace caft {

/// Whether a run over `count` images decodes them on the GPU: a few do not repay its start. Throws
/// Error(usage | unavailable) where that was asked for and cannot be.
bool decodes_on_gpu(const Backbone& backbone, const ExtractOptions& options, std::size_t count);

/// Runs every item of run.task through the backbone's engines, which are on GPUs. A thread a core
/// reads files, and decodes what a GPU does not; a lane (a thread with a stream, an image loader
/// and a context of its own) takes a batch, decodes it on its GPU, infers, and delivers the rows.
/// While one lane waits for the JPEG engines another computes and a third delivers. Host memory is
/// bounded by the queue's bytes, GPU memory by lanes x (loader + context). Without `infer`, rows
/// are not computed and nothing is delivered: for measuring. Failures are left in run.error.
void run_device_lanes(Run& run, bool infer = true);

}  // namespace caft
