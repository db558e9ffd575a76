// Which layers of a bf16 network keep computing in fp32.
#pragma once

#include <openvino/openvino.hpp>

namespace caft::openvino {

/// The share of a network's multiply-adds that may stay in fp32.
constexpr double full_precision_share = 0.05;

/// Marks the first convolutions of `model`, in its own order and for as long as they together take
/// at most `full_precision_share` of its multiply-adds, to run in fp32 where the rest runs in bf16.
/// They end before the first that is summed with another branch.
///
/// bf16 keeps 8 bits of a number. The first layers see pixels, whose differences between
/// photographs are small beside their mean, before anything has been averaged: there a rounded
/// weight costs most of what bf16 costs the whole network, and fp32 costs least. EfficientNet-Lite0
/// (its stem and first depthwise convolution): worst cosine of 96 photographs 0.966 without, 0.992
/// with.
///
/// Padding that stands before a convolution as a node of its own is taken into the convolution: the
/// CPU plugin would do so later and lose the mark. The model's shapes must be known but for the
/// batch.
void keep_first_convolutions(const std::shared_ptr<ov::Model>& model);

}  // namespace caft::openvino
