using System.IO.Pipes;
using System.Text;
using LogtoMigrateInit.Reporting;
using Xunit;

namespace LogtoMigrateInit.UnitTests;

/// <summary>A pipe whose reader stands still loses lines, never the one who writes.</summary>
public sealed class StandardStreamSpecs : IDisposable
{
    /// <summary>Room enough in the pipe for the next line.</summary>
    private readonly byte[] _beginning = new byte[10_000];

    private readonly AnonymousPipeServerStream _pipe = new(PipeDirection.Out);
    private readonly AnonymousPipeClientStream _reader;
    private readonly StandardStream _stream;

    private int Descriptor => (int)_pipe.SafePipeHandle.DangerousGetHandle();

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    public StandardStreamSpecs()
    {
        _reader = new AnonymousPipeClientStream(PipeDirection.In, _pipe.ClientSafePipeHandle);
        _stream = new StandardStream(Descriptor, TimeSpan.FromMilliseconds(50), sentence => $"REMARK {sentence}");
    }

    [Fact(Timeout = 150_000)]
    public async Task Lines_that_nobody_reads_are_dropped_and_counted_when_somebody_does()
    {
        const int Written = 5000; // of 100 bytes: eight times what a pipe takes
        for (var number = 1; number <= Written; number++)
        {
            WriteLine($"{number,99}");
        }

        await _reader.ReadExactlyAsync(_beginning, Token);
        WriteLine("after");
        await _pipe.DisposeAsync();
        var lines = await ReadToEndAsync();

        var kept = lines.Length - 2;
        Assert.Equal(Enumerable.Range(1, kept).Select(number => $"{number,99}"), lines[..kept]);
        Assert.StartsWith($"REMARK {Written - kept} lines are missing here", lines[^2], StringComparison.Ordinal);
        Assert.Equal("after", lines[^1]);
    }

    [Fact(Timeout = 150_000)]
    public async Task A_line_longer_than_a_pipe_that_is_cut_ends_before_the_remark()
    {
        WriteLine(new string('x', 1_000_000));
        await _reader.ReadExactlyAsync(_beginning, Token);
        WriteLine("after");
        await _pipe.DisposeAsync();

        var lines = await ReadToEndAsync();

        Assert.Equal(3, lines.Length);
        Assert.Equal("", lines[0].Trim('x'));
        Assert.StartsWith("REMARK 1 lines", lines[1], StringComparison.Ordinal);
        Assert.Equal("after", lines[2]);
    }

    [Fact(Timeout = 150_000)]
    public async Task A_slow_reader_loses_nothing()
    {
        await using var patient = new StandardStream(Descriptor, TimeSpan.FromSeconds(20), sentence => sentence);
        var all = ReadToEndAsync();
        for (var number = 1; number <= 20_000; number++)
        {
            WriteLine($"{number}", patient);
        }

        await _pipe.DisposeAsync();

        Assert.Equal(Enumerable.Range(1, 20_000).Select(number => $"{number}"), await all);
    }

    [Fact(Timeout = 150_000)]
    public void Without_a_reader_and_without_a_pipe_writing_does_nothing()
    {
        _reader.Dispose();
        WriteLine("to nobody");

        using var closed = new StandardStream(1_000_000, TimeSpan.FromMilliseconds(50), sentence => sentence);
        WriteLine("to nowhere", closed);
    }

    public void Dispose()
    {
        _stream.Dispose();
        _reader.Dispose();
        _pipe.Dispose();
    }

    private void WriteLine(string line, StandardStream? stream = null)
    {
        (stream ?? _stream).Write(Encoding.UTF8.GetBytes(line + "\n"));
        (stream ?? _stream).Flush();
    }

    /// <summary>Pauses after each of its small sips.</summary>
    private async Task<string[]> ReadToEndAsync()
    {
        var text = new StringBuilder(Encoding.UTF8.GetString(_beginning).TrimEnd('\0'));
        var sip = new byte[1000];
        while (await _reader.ReadAsync(sip, Token) is var count and > 0)
        {
            text.Append(Encoding.UTF8.GetString(sip, 0, count));
            await Task.Delay(1, Token);
        }

        return text.ToString().TrimEnd('\n').Split('\n');
    }
}
