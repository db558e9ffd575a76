#include "engine/views.hpp"

#include <algorithm>
#include <string>
#include <utility>

#include "caft/core/error.hpp"

namespace caft {
namespace {

[[noreturn]] void reject(const char* role, const std::string& name, const std::string& why) {
  throw Error(ErrorKind::usage, std::string(role) + " '" + name + "' " + why);
}

bool is_packed(const TensorView& view) {
  if (view.strides.empty()) return true;
  if (view.strides.size() != view.shape.size()) return false;
  std::int64_t expected = 1;
  for (std::size_t i = view.shape.size(); i-- > 0;) {
    if (view.shape[i] != 1 && view.strides[i] != expected) return false;
    expected *= view.shape[i];
  }
  return true;
}

std::string names_of(const std::vector<TensorInfo>& infos) {
  std::string text;
  for (const TensorInfo& info : infos) text += (text.empty() ? "" : ", ") + info.name;
  return text;
}

void check_view(const char* role, const TensorInfo& info, const TensorView& view,
                const Device& device) {
  if (view.dtype != info.dtype) {
    reject(role, info.name,
           "is " + std::string(to_string(view.dtype)) + ", must be " +
               std::string(to_string(info.dtype)));
  }
  const bool fits = view.shape.size() == info.shape.size() && !view.shape.empty() &&
                    std::equal(view.shape.begin() + 1, view.shape.end(), info.shape.begin() + 1);
  if (!fits) {
    reject(role, info.name,
           "has shape " + shape_text(view.shape) + ", must be " + shape_text(info.shape));
  }
  if (view.device != device && view.device.kind != DeviceKind::cpu) {
    reject(role, info.name, "lies on another device than the engine");
  }
  if (!is_packed(view)) reject(role, info.name, "has strides: this engine takes packed views only");
  if (view.data == nullptr) reject(role, info.name, "has no memory (null pointer)");
}

std::vector<const TensorView*> in_order(const char* role, const std::vector<TensorInfo>& infos,
                                        std::span<const TensorView> views, const Device& device) {
  std::vector<const TensorView*> bound(infos.size(), nullptr);
  for (const TensorView& view : views) {
    const auto info = std::ranges::find(infos, view.name, &TensorInfo::name);
    if (info == infos.end()) {
      reject(role, view.name, "is unknown: the engine has " + names_of(infos));
    }
    const TensorView*& slot = bound[static_cast<std::size_t>(info - infos.begin())];
    if (slot != nullptr) reject(role, view.name, "is given twice");
    check_view(role, *info, view, device);
    slot = &view;
  }
  for (std::size_t i = 0; i < infos.size(); ++i) {
    if (bound[i] == nullptr) reject(role, infos[i].name, "is missing");
  }
  return bound;
}

/// Rows [first, first + count) of packed views.
std::vector<TensorView> rows_of(std::span<const TensorView> views, std::int64_t first,
                                std::int64_t count) {
  std::vector<TensorView> parts(views.begin(), views.end());
  for (TensorView& part : parts) {
    std::size_t row = size_of(part.dtype);
    for (std::size_t i = 1; i < part.shape.size(); ++i) {
      row *= static_cast<std::size_t>(part.shape[i]);
    }
    part.data = static_cast<std::byte*>(part.data) + static_cast<std::size_t>(first) * row;
    part.shape.front() = count;
  }
  return parts;
}

}  // namespace

BoundBatch bind_views(const Engine& engine, std::span<const TensorView> inputs,
                      std::span<const TensorView> outputs) {
  BoundBatch batch;
  batch.inputs = in_order("input", engine.inputs(), inputs, engine.device());
  batch.outputs = in_order("output", engine.outputs(), outputs, engine.device());
  batch.rows = batch.inputs.front()->shape.front();
  const BatchRange range = engine.batch();
  if (batch.rows < range.min || batch.rows > range.max) {
    reject("input", batch.inputs.front()->name,
           "has a batch of " + std::to_string(batch.rows) + ", must be " +
               std::to_string(range.min) + " to " + std::to_string(range.max));
  }
  const auto check_rows = [&](const char* role, const std::vector<const TensorView*>& views) {
    for (const TensorView* view : views) {
      if (view->shape.front() != batch.rows) {
        reject(role, view->name,
               "has " + std::to_string(view->shape.front()) + " rows, but input '" +
                   batch.inputs.front()->name + "' has " + std::to_string(batch.rows));
      }
    }
  };
  check_rows("input", batch.inputs);
  check_rows("output", batch.outputs);
  return batch;
}

void infer_any_batch(const Engine& engine, Context& context, std::span<const TensorView> inputs,
                     std::span<const TensorView> outputs) {
  const BatchRange range = engine.batch();
  const std::int64_t rows =
      inputs.empty() || inputs.front().shape.empty() ? 0 : inputs.front().shape.front();
  if (rows <= range.max) return context.infer(inputs, outputs);
  // The parts are checked one by one; that all views have as many rows can only be seen here.
  for (const auto& [role, views] : {std::pair{"input", inputs}, std::pair{"output", outputs}}) {
    for (const TensorView& view : views) {
      if (view.shape.empty() || view.shape.front() != rows || view.data == nullptr ||
          !is_packed(view)) {
        reject(role, view.name,
               "has shape " + shape_text(view.shape) + ", must be a packed batch of " +
                   std::to_string(rows));
      }
    }
  }
  for (std::int64_t first = 0; first < rows;) {
    // The last part may not fall below the least batch: the one before it gives it rows.
    const std::int64_t left = rows - first;
    std::int64_t count = std::min<std::int64_t>(range.max, left);
    if (left > count && left - count < range.min) count = left - range.min;
    context.infer(rows_of(inputs, first, count), rows_of(outputs, first, count));
    first += count;
  }
}

std::string shape_text(std::span<const std::int64_t> shape) {
  std::string text = "[";
  for (const std::int64_t size : shape) {
    if (text.size() > 1) text += ", ";
    text += size < 0 ? "?" : std::to_string(size);
  }
  return text + "]";
}

}  // namespace caft
