import Glibc

/// A request as the kernel puts it to a file system, as far as it is looked at before libfuse does
/// (include/uapi/linux/fuse.h).
enum FuseRequest {
  /// Bytes are to be written to an open file.
  case write(handle: UInt64, ArraySlice<UInt8>)
  /// The program that waits for the answer to a request has got a signal.
  case interrupt(of: UInt64)

  /// The number of a request and what it asks; nil for all other requests.
  static func read(_ bytes: UnsafeRawBufferPointer) -> (number: UInt64, request: FuseRequest)? {
    // struct fuse_in_header: len, opcode, unique and five more numbers.
    let headerSize = 40
    guard bytes.count >= headerSize + 8 else { return nil }
    let operation = bytes.loadUnaligned(fromByteOffset: 4, as: UInt32.self)
    let number = bytes.loadUnaligned(fromByteOffset: 8, as: UInt64.self)
    let subject = bytes.loadUnaligned(fromByteOffset: headerSize, as: UInt64.self)
    switch operation {
    case 36: return (number, .interrupt(of: subject))
    case 16:
      // struct fuse_write_in: fh, offset, size and four more numbers; then the bytes.
      let writeSize = 40
      guard bytes.count >= headerSize + writeSize else { return nil }
      let size = bytes.loadUnaligned(fromByteOffset: headerSize + 16, as: UInt32.self)
      let data = bytes.dropFirst(headerSize + writeSize).prefix(Int(size))
      return (number, .write(handle: subject, Array(data)[...]))
    default: return nil
    }
  }
}

/// Answers to requests that libfuse never sees.
enum FuseAnswer {
  /// So many bytes were written.
  case written(UInt32)
  /// The request failed.
  case failure(Int32)

  /// Sends the answer to the request of that number. A request that is gone by now is no concern of ours.
  func send(to number: UInt64, on descriptor: Int32) {
    // struct fuse_out_header: len, error, unique; then struct fuse_write_out: size, padding.
    var words: [UInt32]
    switch self {
    case .written(let count): words = [24, 0, 0, 0, count, 0]
    case .failure(let errno): words = [16, UInt32(bitPattern: -errno), 0, 0]
    }
    words.withUnsafeMutableBytes { bytes in
      bytes.storeBytes(of: number, toByteOffset: 8, as: UInt64.self)
      _ = write(descriptor, bytes.baseAddress, bytes.count)
    }
  }
}
