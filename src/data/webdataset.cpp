// WebDataset shards: a sample is the members of one key, KEY.jpg beside KEY.cls or KEY.json.
#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>
#include <unordered_map>
#include <utility>

#include "caft/core/error.hpp"
#include "caft/core/file.hpp"
#include "data/formats.hpp"
#include "data/json_label.hpp"
#include "data/tar.hpp"
#include "data/text.hpp"

namespace caft::data {
namespace fs = std::filesystem;
namespace {

constexpr std::uint64_t kMaxClsBytes = 64 * 1024;
constexpr std::uint64_t kMaxJsonBytes = std::uint64_t{16} << 20;

/// A label as the shard gives it: an index into classes.txt, or a name.
struct Label {
  std::string text;
  bool is_index = false;
};

/// The members of one key. Pointers into the shard's index.
struct Group {
  const TarMember* image = nullptr;
  const TarMember* cls = nullptr;
  const TarMember* json = nullptr;
};

struct RawSample {
  ImageSource source;
  std::vector<Label> labels;
  std::string where;  ///< for messages: the member that gave the labels
  Split split = Split::none;
};

std::string member_name(const File& shard, const std::string& member) {
  return printable(shard.path().string() + ":" + member);
}

std::string read_member(const File& shard, const TarMember& member, std::uint64_t limit) {
  if (member.size > limit) {
    throw Error(ErrorKind::bad_input,
                member_name(shard, member.name) + " has " + std::to_string(member.size) +
                    " bytes, over the limit of " + std::to_string(limit),
                "keep only the label in it");
  }
  std::string text(static_cast<std::size_t>(member.size), '\0');
  shard.read_at(member.offset, std::as_writable_bytes(std::span(text.data(), text.size())));
  return text;
}

Label cls_label(std::string text) {
  const auto blank = " \t\r\n";
  text.erase(0, std::min(text.find_first_not_of(blank), text.size()));
  text.erase(text.find_last_not_of(blank) + 1);
  const bool is_index = is_integer(text);
  return {std::move(text), is_index};
}

std::vector<Label> json_labels(const std::string& text, const std::string& where) {
  const nlohmann::json object = parse_json(text, where);
  for (const char* key : {"label", "labels", "cls"}) {
    if (!object.is_object() || !object.contains(key)) continue;
    const nlohmann::json& value = object[key];
    std::vector<Label> labels;
    const auto add = [&](const nlohmann::json& one) {
      labels.push_back({json_label(one, where), one.is_number_unsigned()});
    };
    if (value.is_array()) {
      for (const auto& each : value) add(each);
    } else {
      add(value);
    }
    return labels;
  }
  throw Error(ErrorKind::bad_input, where + " has none of \"label\", \"labels\" and \"cls\"",
              "add one of them, or a .cls member");
}

/// Sorts the shard's members into samples, in the order of the images in the archive.
std::vector<RawSample> read_shard(const fs::path& path) {
  const File shard = File::open(path);
  const TarIndex index = index_tar(shard);
  std::unordered_map<std::string, Group> groups;
  std::vector<std::string> order;  // keys with an image
  for (const TarMember& member : index.members) {
    // A key is the name up to the first dot of its last part (the WebDataset convention).
    const std::size_t base = member.name.rfind('/') + 1;  // npos + 1 is 0
    const std::size_t dot = member.name.find('.', base);
    if (dot == base || dot == std::string::npos) continue;  // hidden, or no extension
    const std::string key = member.name.substr(0, dot);
    const std::string extension = lower(std::string_view(member.name).substr(dot));
    const bool image = has_image_extension(extension) && extension.rfind('.') == 0;
    if (!image && extension != ".cls" && extension != ".json") continue;
    Group& group = groups[key];
    const TarMember*& slot = image ? group.image : extension == ".cls" ? group.cls : group.json;
    if (slot != nullptr) {
      throw Error(ErrorKind::bad_input,
                  member_name(shard, member.name) + " repeats " + printable(slot->name),
                  "give each sample its own key");
    }
    slot = &member;
    if (image) order.push_back(key);
  }
  for (const TarMember& member : index.members) {  // in the archive's order: the first is named
    const std::size_t dot = member.name.find('.', member.name.rfind('/') + 1);
    const auto group = groups.find(member.name.substr(0, dot));
    if (group != groups.end() && group->second.cls == &member && group->second.image == nullptr) {
      throw Error(ErrorKind::bad_input, member_name(shard, member.name) + " labels no image",
                  "add the image (" + std::string(kImageExtensions) + ") under the same key");
    }
  }

  std::vector<RawSample> samples;
  for (const std::string& key : order) {
    const Group& group = groups.at(key);
    RawSample sample;
    sample.source = {path, group.image->name, group.image->offset, group.image->size};
    if (group.cls != nullptr) {
      sample.where = member_name(shard, group.cls->name);
      sample.labels = {cls_label(read_member(shard, *group.cls, kMaxClsBytes))};
    } else if (group.json != nullptr) {
      sample.where = member_name(shard, group.json->name);
      sample.labels = json_labels(read_member(shard, *group.json, kMaxJsonBytes), sample.where);
    } else {
      throw Error(ErrorKind::bad_input, member_name(shard, group.image->name) + " has no label",
                  "add a .cls or .json member under the same key");
    }
    samples.push_back(std::move(sample));
  }
  return samples;
}

/// The names of classes.txt, one a line; index i is line i from 0. Absent when there is no such
/// file.
std::optional<std::vector<std::string>> read_classes(const fs::path& file) {
  std::error_code ignored;
  if (!fs::exists(file, ignored)) return std::nullopt;
  const std::string text = read_text(file, std::uint64_t{64} << 20);
  std::vector<std::string> names;
  std::set<std::string_view> seen;
  for (std::size_t begin = 0; begin < text.size();) {
    const std::size_t end = std::min(text.find('\n', begin), text.size());
    std::string name = text.substr(begin, end - begin);
    if (name.ends_with('\r')) name.pop_back();
    check_class_name(name, printable(file.string()) + ":" + std::to_string(names.size() + 1));
    names.push_back(std::move(name));
    begin = end + 1;
  }
  for (std::size_t i = 0; i < names.size(); ++i) {
    if (seen.insert(names[i]).second) continue;
    throw Error(ErrorKind::bad_input,
                printable(file.string()) + ":" + std::to_string(i + 1) + ": class '" + names[i] +
                    "' is already listed",
                "list each class once");
  }
  return names;
}

/// Without classes.txt: the classes are the labels that occur, by number if all are numbers.
std::vector<std::string> occurring_classes(const std::vector<RawSample>& samples) {
  std::map<std::string, std::string> where;  // each name's first place, for messages
  for (const RawSample& sample : samples) {
    for (const Label& label : sample.labels) where.emplace(label.text, sample.where);
  }
  std::vector<std::string> names;
  for (const auto& [name, place] : where) {
    check_class_name(name, place);
    names.push_back(name);
  }
  if (std::all_of(names.begin(), names.end(), is_integer)) {
    std::sort(names.begin(), names.end(), integer_less);
  }
  return names;
}

class LabelIndex {
 public:
  LabelIndex(const std::vector<std::string>& classes, bool listed) : listed_(listed) {
    for (const std::string& name : classes) {
      index_.emplace(name, static_cast<std::int32_t>(index_.size()));
    }
  }

  std::int32_t operator()(const Label& label, const std::string& where) const {
    if (listed_ && label.is_index) {
      // Nine digits hold any sensible index; a longer one is out of range whatever it is.
      const std::size_t i = label.text.size() > 9 ? index_.size() : std::stoul(label.text);
      if (i < index_.size()) return static_cast<std::int32_t>(i);
    } else if (const auto found = index_.find(label.text); found != index_.end()) {
      return found->second;
    }
    throw Error(ErrorKind::bad_input,
                where + ": label '" + printable(label.text) +
                    "' is not in classes.txt, which has " + std::to_string(index_.size()) +
                    " classes",
                "correct the label or the list");
  }

 private:
  bool listed_;
  std::unordered_map<std::string, std::int32_t> index_;
};

/// "train-000.tar" is train: the name's first word, if it ends at something that is no letter.
std::optional<Split> split_of_shard(const fs::path& shard) {
  const std::string name = shard.filename().string();
  const auto letter = [](char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); };
  return split_of_name(
      std::string(name.begin(), std::find_if_not(name.begin(), name.end(), letter)));
}

/// Either every shard's name gives a split or none does: guessing would mix held-out data in.
bool shards_name_splits(const std::vector<fs::path>& shards) {
  const fs::path *with = nullptr, *without = nullptr;
  for (const fs::path& shard : shards) (split_of_shard(shard) ? with : without) = &shard;
  if (with != nullptr && without != nullptr) {
    throw Error(ErrorKind::bad_input,
                printable(with->string()) + " names a split but " + printable(without->string()) +
                    " does not",
                "begin every shard's name with train, val or test, or none");
  }
  return with != nullptr;
}

}  // namespace

Dataset open_webdataset(const std::vector<fs::path>& shards) {
  const bool splits = shards_name_splits(shards);
  std::vector<RawSample> raw;
  for (const fs::path& shard : shards) {
    std::vector<RawSample> samples = read_shard(shard);
    for (RawSample& sample : samples) {
      if (splits) sample.split = *split_of_shard(shard);
      raw.push_back(std::move(sample));
    }
  }
  if (raw.empty()) {
    throw Error(ErrorKind::bad_input,
                printable(shards.front().string()) + ": no image members (" +
                    std::string(kImageExtensions) + ") in " + std::to_string(shards.size()) +
                    " shard(s)",
                "pack KEY.jpg beside KEY.cls");
  }

  Dataset dataset;
  const auto listed = read_classes(shards.front().parent_path() / "classes.txt");
  dataset.classes = listed ? *listed : occurring_classes(raw);
  if (dataset.classes.empty()) {
    throw Error(ErrorKind::bad_input,
                printable(shards.front().string()) + " gives no image a label", "add labels");
  }
  const LabelIndex index(dataset.classes, listed.has_value());
  dataset.samples.reserve(raw.size());
  for (RawSample& from : raw) {
    Sample sample{std::move(from.source), {}, from.split};
    for (const Label& label : from.labels) {
      const std::int32_t i = index(label, from.where);
      if (std::find(sample.labels.begin(), sample.labels.end(), i) != sample.labels.end()) {
        throw Error(ErrorKind::bad_input,
                    from.where + ": label '" + printable(label.text) + "' is given twice",
                    "give it once");
      }
      sample.labels.push_back(i);
    }
    std::sort(sample.labels.begin(), sample.labels.end());
    if (sample.labels.size() != 1) dataset.multi_label = true;
    dataset.samples.push_back(std::move(sample));
  }
  return dataset;
}

}  // namespace caft::data
