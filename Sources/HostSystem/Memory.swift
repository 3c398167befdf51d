import CLinux

/// The memory of this process.
package enum Memory {
  /// Gives back to the kernel what was freed: much work leaves it to the allocator in pieces, which keeps
  /// them (malloc_trim(3)).
  package static func returnFreed() { apreserve_return_memory() }
}
