// usage: split_model MODEL.onnx                        prints the cuts, one JSON document
//        split_model MODEL.onnx CUT FRONT.onnx TAIL.onnx
// For tests that read the results with the onnx package.
#include <exception>
#include <iostream>
#include <nlohmann/json.hpp>
#include <string>

#include "caft/core/file.hpp"
#include "engine/reference/trace.hpp"
#include "graph/cuts.hpp"
#include "graph/onnx_model.hpp"
#include "graph/split.hpp"

int main(int count, char** arguments) {
  try {
    if (count != 2 && count != 5) return 2;
    const caft::OnnxModel model = caft::OnnxModel::load(arguments[1]);
    const caft::ShapeTrace trace =
        caft::reference::trace_shapes(caft::OnnxModel::load(arguments[1]));
    if (count == 5) {
      const std::string cut = arguments[2];
      caft::write_file_atomically(arguments[3], caft::front_graph(model, trace, cut));
      caft::write_file_atomically(arguments[4], caft::tail_graph(model, trace, cut));
      return 0;
    }
    nlohmann::json cuts = nlohmann::json::array();
    for (const caft::Cut& cut : caft::find_cuts(model, trace)) {
      cuts.push_back({{"name", cut.name},
                      {"aliases", cut.aliases},
                      {"tensor", cut.tensor},
                      {"shape", cut.shape},
                      {"macs_before", cut.macs_before},
                      {"macs_after", cut.macs_after},
                      {"parameters_after", cut.parameters_after},
                      {"cached_bytes", cut.cached_bytes()}});
    }
    std::cout << cuts.dump() << '\n';
    return 0;
  } catch (const std::exception& error) {
    std::cerr << error.what() << '\n';
    return 1;
  }
}
