// cmatch._core: the engine as a Python type. Translates arguments, results and errors; has no rules of its own.
#include "pybind11/register.hpp"
#include "shared/calls.hpp"

namespace face = cmatch::face;

PYBIND11_MODULE(_core, module, pybind11::mod_gil_not_used()) {
  module.doc() = "The matching core, compiled. Its public names are those of the package cmatch.";
  module.attr("__version__") = CMATCH_VERSION;
  pybind11::options options;
  options.disable_function_signatures(); // they would say object for every argument that we read ourselves
  face::bordered([&] {
    face::load_face(module.ptr());
    return Py_NewRef(Py_None);
  });
  face::register_layouts(module);
  face::EngineClass engine = face::register_engine(module);
  face::register_hot_calls(engine);
  face::register_commands(engine);
  face::register_views(engine);
  face::register_frames(module);
  face::register_transport(module);
  face::register_journal(module); // after it: what its errors become is asked first
  face::register_venue(module);
  face::register_follower(module);
  face::register_sequencer(module);
  face::register_standby(module);
}
