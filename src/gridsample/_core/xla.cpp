// SPDX-License-Identifier: Apache-2.0
#include "xla.hpp"

#include <atomic>
#include <cstring>
#include <exception>
#include <stdexcept>
#include <string>

#include "gridsample/sample.hpp"
#include "handler.hpp"
#include "problems.hpp"

namespace gridsample::python {
namespace {

std::atomic<int> threads{1};

xla::Error* failed(const xla::Frame& frame, const char* message, int code) {
  xla::ErrorArguments arguments{sizeof(xla::ErrorArguments), nullptr, message, code};
  return frame.table->make_error(&arguments);
}

// XLA asks, before the first call, which version this module is made for: it refuses what it cannot serve.
bool answers_question(const xla::Frame& frame) {
  if (!frame.extensions || frame.extensions->kind != xla::metadata_record) return false;
  xla::Metadata* metadata = reinterpret_cast<xla::MetadataRequest*>(frame.extensions)->metadata;
  const bool known = metadata && metadata->bytes >= offsetof(xla::Metadata, traits) + sizeof metadata->traits;
  if (known) {
    metadata->version.major = xla::major_version;
    metadata->version.minor = xla::minor_version;
    metadata->traits = 0;
  }
  return true;
}

View view_of(const xla::Arrays& arrays, std::int64_t i) {
  if (i >= arrays.count || arrays.kinds[i] != xla::buffer) throw std::invalid_argument("an array is missing");
  const auto& given = *static_cast<const xla::Buffer*>(arrays.items[i]);
  if (given.bytes < sizeof(xla::Buffer) || given.rank < 0 || given.rank > max_rank) throw std::invalid_argument("an array of this rank");
  if (given.dtype != xla::float32 && given.dtype != xla::float64) throw std::invalid_argument("arrays of float32 or float64");
  View view{static_cast<char*>(given.data), given.dtype == xla::float32 ? Scalar::f32 : Scalar::f64, int(given.rank), {}, {}};
  std::int64_t stride = view.scalar == Scalar::f32 ? 4 : 8;
  for (int d = view.rank - 1; d >= 0; --d) {
    view.shape[d] = given.shape[d];
    view.stride[d] = stride;
    stride *= view.shape[d];
  }
  return view;
}

std::string text_of(const xla::Attributes& attributes, const char* name) {
  for (std::int64_t i = 0; i < attributes.count; ++i) {
    const xla::Text& found = *attributes.names[i];
    if (attributes.kinds[i] != xla::text || found.size != std::strlen(name) || std::memcmp(found.start, name, found.size)) continue;
    const auto& value = *static_cast<const xla::Text*>(attributes.items[i]);
    return {value.start, value.size};
  }
  throw std::invalid_argument(std::string("the attribute '") + name + "' is missing");
}

void run(const xla::Frame& frame) {
  const std::string verb = text_of(frame.attributes, "verb");
  const Problem problem = parse_problem(text_of(frame.attributes, "problem"));
  const auto in = [&](std::int64_t i) { return view_of(frame.arguments, i); };
  const auto out = [&](std::int64_t i) { return view_of(frame.results, i); };
  const int most = threads.load();
  if (verb == "pull") return pull(problem, in(0), in(1), out(0), most);
  if (verb == "push") return push(problem, in(0), in(1), out(0), most);
  if (verb == "pull_grad") return pull_grad(problem, in(0), in(1), out(0), most);
  if (verb == "backward_coords") {
    const View to = out(0);
    return backward(problem, in(0), in(1), in(2), nullptr, &to, most);
  }
  if (verb == "backward") {
    const View image = out(0), coords = out(1);
    return backward(problem, in(0), in(1), in(2), &image, &coords, most);
  }
  throw std::invalid_argument("the verb '" + verb + "' is unknown");
}

}  // namespace

extern "C" xla::Error* gridsample_xla_call(xla::Frame* frame) {
  if (answers_question(*frame)) return nullptr;
  if (!frame->readable()) return failed(*frame, "gridsample: this XLA's calls have another layout than the one known; set GRIDSAMPLE_JAX=portable", xla::internal);
  if (frame->stage != xla::execute) return nullptr;
  try {
    run(*frame);
  } catch (const std::exception& error) {
    return failed(*frame, error.what(), xla::invalid_argument);
  } catch (...) {
    return failed(*frame, "gridsample: the engine failed", xla::internal);
  }
  return nullptr;
}

void* xla_handler() { return reinterpret_cast<void*>(&gridsample_xla_call); }
void use_xla_threads(int most) { threads.store(most < 1 ? 1 : most); }

}  // namespace gridsample::python
