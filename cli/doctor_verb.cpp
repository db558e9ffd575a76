// caft doctor: what this machine has, what is missing and how to get it.
#include <fmt/format.h>

#include <cstdlib>

#include "caft/core/error.hpp"
#include "caft/core/gpu.hpp"
#include "caft/core/process.hpp"
#include "caft/core/system_info.hpp"
#include "caft/core/version.hpp"
#include "caft/engine/engine.hpp"
#include "caft/head/trainer.hpp"
#include "caft/zoo/card.hpp"
#include "output.hpp"
#include "python_tool.hpp"
#include "verbs.hpp"

namespace caft::cli {
namespace {

struct Finding {
  std::string what;
  bool ok = false;
  std::string detail, remedy;
};

constexpr const char* kGpu =
    "needs an NVIDIA GPU with its driver, and caft built with CUDA and TensorRT (TENSORRT_DIR)";
constexpr const char* kSetup = "run scripts/setup.sh in caft's source, then build again";

Finding backend_finding(const std::string& name) {
  try {
    const Availability availability = backend(name).availability();
    return {"engine " + name, availability.available, availability.detail, availability.remedy};
  } catch (const Error& error) {
    return {"engine " + name, false, error.what(), name == "tensorrt" ? kGpu : kSetup};
  }
}

Finding torch_finding() {
  try {
    (void)make_trainer("vgg");
    return {"LibTorch (head vgg)", true, "libcaft_torch opens", ""};
  } catch (const Error& error) {
    return {"LibTorch (head vgg)", false, error.what(),
            "apt install libtorch-dev (or set CAFT_TORCH), then build again"};
  }
}

Finding python_finding() {
  const std::string python = python_interpreter();
  try {
    const ProcessResult result = run_process(
        {python, "-c",
         "import importlib.util as u, sys\n"
         "names = ['torch', 'torchvision', 'timm', 'onnx', 'onnxruntime', 'safetensors', 'PIL']\n"
         "missing = [n for n in names if u.find_spec(n) is None]\n"
         "print('missing ' + ', '.join(missing) if missing else "
         "'Python ' + sys.version.split()[0] + ' with ' + ', '.join(names))\n"
         "sys.exit(1 if missing else 0)"});
    std::string text = result.output;
    while (!text.empty() && text.back() == '\n') text.pop_back();
    return {"exporter", result.exit_code == 0, python + ": " + text,
            result.exit_code == 0 ? "" : "run scripts/setup.sh, or set CAFT_PYTHON"};
  } catch (const Error& error) {
    return {"exporter", false, error.what(), "run scripts/setup.sh, or set CAFT_PYTHON"};
  }
}

/// The GPUs as libcaft_cuda sees them. Where there is none, nothing is wrong: the CPU serves.
Finding gpu_finding() {
  const GpuList list = gpu_list();
  if (list.gpus.empty()) {
    return {"NVIDIA GPU", false, list.reason, "none needed: backbones run on the CPU"};
  }
  std::string gpus;
  for (const GpuInfo& gpu : list.gpus) {
    gpus +=
        fmt::format("{}{}: {}, sm_{}{}, {:.0f} GiB", gpus.empty() ? "" : "; ", gpu.index, gpu.name,
                    gpu.major, gpu.minor, static_cast<double>(gpu.memory) / (std::size_t{1} << 30));
  }
  return {"NVIDIA GPU", true, gpus + " (" + list.runtime + ")", ""};
}

Finding store_finding() {
  const Store store;
  const std::size_t count = store.names().size();
  return {"backbones", count > 0, fmt::format("{} exported in {}", count, caft_home().string()),
          count > 0 ? "" : "caft zoo export efficientnet_lite0"};
}

void run_doctor(const Session& session) {
  const SystemInfo machine = system_info();
  std::vector<Finding> findings;
  for (const std::string& name : backend_names()) findings.push_back(backend_finding(name));
  findings.push_back(torch_finding());
  findings.push_back(python_finding());
  findings.push_back(gpu_finding());
  findings.push_back(store_finding());
  if (session.json) {
    nlohmann::json list = nlohmann::json::array();
    for (const Finding& f : findings) {
      list.push_back({{"what", f.what}, {"ok", f.ok}, {"detail", f.detail}, {"remedy", f.remedy}});
    }
    return print_json({{"caft", version()},
                       {"cpu", machine.cpu},
                       {"cores", machine.cores},
                       {"memory_gib", machine.memory_gib},
                       {"os", machine.os},
                       {"findings", list}});
  }
  print_line(fmt::format("caft {} on {}, {} cores, {:.1f} GiB, {}", version(), machine.cpu,
                         machine.cores, machine.memory_gib, machine.os));
  for (const Finding& f : findings) {
    print_line(fmt::format("{:8} {}: {}", f.ok ? "ok" : "missing", f.what, f.detail));
    if (!f.ok && !f.remedy.empty()) print_line(fmt::format("         -> {}", f.remedy));
  }
}

}  // namespace

void add_doctor(CLI::App& app, Session& session) {
  CLI::App* sub = app.add_subcommand("doctor", "What this machine has and what is missing");
  sub->callback([&session] { session.action = [&session] { run_doctor(session); }; });
}

}  // namespace caft::cli
