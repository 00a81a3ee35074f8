#pragma once

#include <cstddef>
#include <functional>
#include <iosfwd>
#include <string>

#include "proxy/commands/audit_view.hpp"

namespace chaperone::commands {

/// Writes lines of a view with a line for the day in front where it changes, or records as they are.
class AuditPrinter {
 public:
  AuditPrinter(AuditViewOptions options, bool json, std::ostream& out);

  void record(std::string_view line);
  /// Statements that had no outcome.
  void end();
  /// While it holds back, lines are kept, and only the last `count` of them written when release() comes.
  void hold_back(std::size_t count);
  void release();

 private:
  void print(AuditView::Shown shown);
  void write(const AuditView::Shown& shown);

  AuditView view_;
  bool json_;
  bool color_;
  std::ostream& out_;
  std::string date_;
  bool holding_ = false;
  std::size_t limit_ = 0;
  std::deque<AuditView::Shown> held_;
};

struct AuditTailOptions {
  std::string file;
  std::size_t count = 10;  ///< lines that are shown at first
  bool follow = false;
  bool json = false;
  AuditViewOptions view;
};

/// Shows the end of a log and, with `follow`, what is appended to it, through rotation, until `go_on` gives
/// false: it is asked each time all there was has been shown, and takes its time. Gives the exit status.
int tail_audit(const AuditTailOptions& options, std::ostream& out, std::ostream& errors,
               const std::function<bool()>& go_on);

}  // namespace chaperone::commands
