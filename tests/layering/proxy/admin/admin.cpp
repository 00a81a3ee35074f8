#include <prometheus/registry.h>
#include <boost/beast/http.hpp>

#include "proxy/net/server.hpp"  // forbidden: admin may not use net
#include "proxy/session/counters.hpp"
