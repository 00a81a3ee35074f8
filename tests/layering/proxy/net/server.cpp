#include <openssl/ssl.h>
#include <spdlog/spdlog.h>

#include <prometheus/registry.h>  // forbidden: prometheus is not for this file
#include <boost/asio/io_context.hpp>

#include "proxy/admin/admin.hpp"  // forbidden: net may not use admin
#include "proxy/session/session.hpp"
#include "proxy/wire/frame.hpp"
