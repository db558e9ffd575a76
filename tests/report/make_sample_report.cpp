// make_sample_report FOLDER: writes the reports that tests/web opens, with caft's own write_report.
#include <exception>
#include <filesystem>
#include <iostream>

#include "caft/report/report.hpp"
#include "report/sample_data.hpp"

int main(int argc, char** argv) {
  if (argc != 2) {
    std::cerr << "usage: make_sample_report FOLDER\n";
    return 2;
  }
  try {
    const std::filesystem::path folder = argv[1];
    std::filesystem::create_directories(folder);
    caft::write_report(folder / "sample.html", caft::sample::report_data(6));
    nlohmann::json two = caft::sample::report_data(2);
    for (nlohmann::json& record : two["training"]["history"]) {  // trained without validation
      record["val_loss"] = record["val_accuracy"] = 0;
    }
    caft::write_report(folder / "two.html", two);
    caft::write_report(folder / "many.html", caft::sample::report_data(100));
    caft::write_report(folder / "hostile.html", caft::sample::hostile_data());
    caft::write_report(folder / "bare.html", {{"title", "Nothing but a title"}});
    return 0;
  } catch (const std::exception& error) {
    std::cerr << "make_sample_report: " << error.what() << "\n";
    return 1;
  }
}
