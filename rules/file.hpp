#pragma once

#include <sys/types.h>

#include <cstddef>
#include <string>

namespace chaperone::rules {

/// The content of a small regular file, and who may read it.
struct File {
  std::string text;
  uid_t owner = 0;
  mode_t mode = 0;    ///< permission bits
  std::string error;  ///< why it could not be read; empty = it was
};

/// Whether group and others get nothing of it; but a file of root may be readable by its group, as PostgreSQL
/// allows it for keys (be-secure-common.c, check_ssl_key_file_permissions), so that a service need not own
/// its secrets.
bool is_private(const File& file);

/// Reads a file whole. Anything but a regular file (a FIFO could block a reload for ever) and anything larger
/// than `max_bytes` is an error.
File read_file(const std::string& path, std::size_t max_bytes);

}  // namespace chaperone::rules
