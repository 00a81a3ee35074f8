#include "proxy/net/mailbox.hpp"

#include <sys/eventfd.h>

#include <cerrno>
#include <system_error>
#include <utility>

namespace chaperone::net {

Mailbox::Mailbox() : wake_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
  if (!wake_) throw std::system_error(errno, std::generic_category(), "eventfd");
}

void Mailbox::post(Task task) {
  bool first = false;
  {
    const std::lock_guard guard(mutex_);
    first = tasks_.empty();
    tasks_.push_back(std::move(task));
  }
  if (first) ::eventfd_write(wake_.get(), 1);
}

void Mailbox::run() {
  eventfd_t ignored = 0;
  ::eventfd_read(wake_.get(), &ignored);
  std::vector<Task> tasks;
  {
    const std::lock_guard guard(mutex_);
    tasks.swap(tasks_);
  }
  for (const auto& task : tasks) task();
}

}  // namespace chaperone::net
