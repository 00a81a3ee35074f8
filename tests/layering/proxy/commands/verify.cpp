#include <spdlog/spdlog.h>
#include <yaml-cpp/yaml.h>            // forbidden: yaml is not for this file
#include <boost/asio/io_context.hpp>  // forbidden: asio is not for this file

#include "proxy/admin/admin.hpp"
#include "proxy/config.hpp"
#include "proxy/net/server.hpp"
