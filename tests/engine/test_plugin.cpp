// A plugin for the tests, built three times: of this version, of another, and without one.
#ifdef CAFT_TEST_PLUGIN_VERSION
extern "C" const char* caft_plugin_version() { return CAFT_TEST_PLUGIN_VERSION; }
#endif

extern "C" int caft_entry() { return 42; }
