using System.Runtime.InteropServices;
using System.Text;

namespace LogtoMigrateInit.Reporting;

/// <summary>
/// Writes to standard output or standard error, without blocking for long and without exceptions. Reason: a pipe without a reader, a full
/// disk or a closed descriptor must not stop a migration, delay a signal or crash the program. It drops lines that it cannot write. Once
/// the pipe is read again, it writes a remark with their number.
/// </summary>
/// <param name="descriptor">1 for standard output, 2 for standard error.</param>
/// <param name="patience">The longest wait for a reader before lines are dropped.</param>
/// <param name="remark">Formats the sentence that replaces dropped lines.</param>
internal sealed partial class StandardStream(int descriptor, TimeSpan patience, Func<string, string> remark) : Stream
{
    // <limits.h>: a pipe that is writable for poll accepts this many bytes without blocking.
    private const int PipeBuffer = 4096;

    // <poll.h>, <fcntl.h>, <errno.h> on Linux
    private const short Writable = 4;
    private const int ReadWriteAndCloseOnExec = 0x80002;
    private const int GetDescriptorFlags = 1;
    private const int Interrupted = 4;
    private const int WouldBlock = 11;

    // <signal.h>
    private const int BrokenPipe = 13;
    private const nint Ignore = 1;

    /// <summary>
    /// The longest wait of the log for its reader. It is far below the lock's lease and the time between SIGTERM and SIGKILL.
    /// </summary>
    private static readonly TimeSpan PatienceWithLogs = TimeSpan.FromSeconds(3);

    private readonly MemoryStream _text = new();
    private bool _stalls;
    private bool _endsInsideALine;
    private long _dropped;

    public override bool CanRead => false;

    public override bool CanSeek => false;

    public override bool CanWrite => true;

    public override long Length => throw new NotSupportedException();

    public override long Position
    {
        get => throw new NotSupportedException();
        set => throw new NotSupportedException();
    }

#pragma warning disable CA2000 // These streams live as long as the process.
    /// <summary>Replaces .NET's streams, which block without a limit and throw exceptions.</summary>
    public static void TakeOver()
    {
        // Open closed descriptors. Otherwise the next file or connection would get such a number, and the log would be written into it.
        while (IsClosed(0) || IsClosed(1) || IsClosed(2))
        {
            if (Open("/dev/null", ReadWriteAndCloseOnExec) < 0)
            {
                break;
            }
        }

        _ = Signal(BrokenPipe, Ignore);

        // A report may wait for a slow reader without a limit, because the program prints it last.
        Console.SetOut(WriterOf(1, Timeout.InfiniteTimeSpan, sentence => sentence));
        TakeOverError(sentence => sentence);
    }

    /// <summary>Replaces standard error again, with remarks in the format of the log.</summary>
    public static void TakeOverError(Func<string, string> remark) => Console.SetError(WriterOf(2, PatienceWithLogs, remark));
#pragma warning restore CA2000

    public override void Write(byte[] buffer, int offset, int count) => _text.Write(buffer, offset, count);

    /// <summary>Writes or drops the lines since the last call. A line is cut only if the reader stops in the middle of it.</summary>
    public override void Flush()
    {
        var text = _text.GetBuffer().AsSpan(0, (int)_text.Length);
        var lines = text.Count((byte)'\n');
        if (_dropped > 0 && CanWriteWithin(TimeSpan.Zero))
        {
            var line = remark(
                $"{_dropped} lines are missing here: standard error was not read, " +
                $"and nothing waits for its reader for more than {patience.TotalSeconds:0} s");
            _dropped = WriteAll(Encoding.UTF8.GetBytes($"{(_endsInsideALine ? "\n" : "")}{line}\n")) ? 0 : _dropped;
        }

        if (_dropped > 0 || !WriteAll(text))
        {
            _dropped += Math.Max(lines, 1);
        }

        _text.SetLength(0);
    }

    public override int Read(byte[] buffer, int offset, int count) => throw new NotSupportedException();

    public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

    public override void SetLength(long value) => throw new NotSupportedException();

    private static StreamWriter WriterOf(int descriptor, TimeSpan patience, Func<string, string> remark) => new(
        new StandardStream(descriptor, patience, remark),
        new UTF8Encoding(encoderShouldEmitUTF8Identifier: false))
    {
        AutoFlush = true,
    };

    private static bool IsClosed(int descriptor) => DescriptorFlags(descriptor, GetDescriptorFlags) < 0;

    private bool WriteAll(ReadOnlySpan<byte> text)
    {
        while (text.Length > 0)
        {
            if (!CanWriteWithin(_stalls ? TimeSpan.Zero : patience))
            {
                _stalls = true;
                return false;
            }

            _stalls = false;
            var count = (int)Write(descriptor, text, Math.Min(text.Length, PipeBuffer));
            if (count < 0 && Marshal.GetLastPInvokeError() is not (Interrupted or WouldBlock))
            {
                return true; // closed, without a reader, or full: the text is lost, and no remark can follow
            }

            if (count > 0)
            {
                _endsInsideALine = text[count - 1] != '\n';
                text = text[count..];
            }
        }

        return true;
    }

    private bool CanWriteWithin(TimeSpan time)
    {
        var milliseconds = (int)time.TotalMilliseconds;
        var asked = new Poll { Descriptor = descriptor, Events = Writable };
        int ready;
        do
        {
            ready = WaitFor(ref asked, 1, milliseconds);
        }
        while (ready < 0 && Marshal.GetLastPInvokeError() == Interrupted);

        return ready != 0; // after an error of poll, write fails immediately and reports it
    }

    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    [LibraryImport("libc", EntryPoint = "poll", SetLastError = true)]
    private static partial int WaitFor(ref Poll descriptors, nuint count, int milliseconds);

    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    [LibraryImport("libc", EntryPoint = "write", SetLastError = true)]
    private static partial nint Write(int descriptor, ReadOnlySpan<byte> text, nint count);

    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    [LibraryImport("libc", EntryPoint = "open", StringMarshalling = StringMarshalling.Utf8)]
    private static partial int Open(string path, int flags);

    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    [LibraryImport("libc", EntryPoint = "fcntl")]
    private static partial int DescriptorFlags(int descriptor, int command);

    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    [LibraryImport("libc", EntryPoint = "signal")]
    private static partial nint Signal(int signal, nint action);

    // struct pollfd
    private struct Poll
    {
        public int Descriptor;
        public short Events;
        public short Happened;
    }
}
