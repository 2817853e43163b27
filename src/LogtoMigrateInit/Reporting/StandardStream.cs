using System.Runtime.InteropServices;
using System.Text;

namespace LogtoMigrateInit.Reporting;

/// <summary>
/// Standard output or standard error. A pipe that nobody reads, a full disk or a closed descriptor must not stop a migration, keep a
/// signal from ending it, or crash this program, so what cannot be written is dropped, and said as soon as somebody reads again.
/// </summary>
/// <param name="descriptor">1 or 2.</param>
/// <param name="patience">How long a reader may stand still before what comes next is dropped.</param>
/// <param name="remark">Makes a line of the sentence that stands where lines are missing.</param>
internal sealed partial class StandardStream(int descriptor, TimeSpan patience, Func<string, string> remark) : Stream
{
    // <limits.h>: a pipe that poll calls writable takes this much without blocking.
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

    /// <summary>Far below the lock's lease, and below what is left of the grace that a container gets between SIGTERM and SIGKILL.</summary>
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
    /// <summary>Puts these streams in the place of .NET's, which block for ever and throw.</summary>
    public static void TakeOver()
    {
        // A closed one would become the number of the next file or connection that is opened, and the log would go there.
        while (DescriptorFlags(0, GetDescriptorFlags) < 0 || DescriptorFlags(1, GetDescriptorFlags) < 0 || DescriptorFlags(2, GetDescriptorFlags) < 0)
        {
            if (Open("/dev/null", ReadWriteAndCloseOnExec) < 0)
            {
                break;
            }
        }

        _ = Signal(BrokenPipe, Ignore);

        // Whoever asked for a plan may read it as slowly as they like: it is printed when all else is done.
        Console.SetOut(WriterOf(1, Timeout.InfiniteTimeSpan, sentence => sentence));
        TakeOverError(sentence => sentence);
    }

    /// <summary>Puts this stream in the place of standard error again, with remarks in the form of the log.</summary>
    public static void TakeOverError(Func<string, string> remark) => Console.SetError(WriterOf(2, PatienceWithLogs, remark));
#pragma warning restore CA2000

    public override void Write(byte[] buffer, int offset, int count) => _text.Write(buffer, offset, count);

    /// <summary>What came since the last time is a line, or some: it is written whole or not at all, if the reader can help it.</summary>
    public override void Flush()
    {
        var text = _text.GetBuffer().AsSpan(0, (int)_text.Length);
        var lines = text.Count((byte)'\n');
        if (_dropped > 0 && CanWriteWithin(TimeSpan.Zero))
        {
            var line = remark($"{_dropped} lines are missing here: standard error was not read, and nothing waits for its reader for more than {patience.TotalSeconds:0} s");
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

    private static StreamWriter WriterOf(int descriptor, TimeSpan patience, Func<string, string> remark) =>
        new(new StandardStream(descriptor, patience, remark), new UTF8Encoding(encoderShouldEmitUTF8Identifier: false)) { AutoFlush = true };

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
                return true; // closed, no reader, no space: nobody will ever miss it
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

        return ready != 0; // an error too is something that writing finds out at once
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
