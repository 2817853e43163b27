using System.ComponentModel;
using LogtoMigrateInit.Processes;
using LogtoMigrateInit.Reporting;
using LogtoMigrateInit.Settings;
using Microsoft.Extensions.Logging;

namespace LogtoMigrateInit.PostgresTools;

/// <summary>Runs <c>pg_dump</c> and <c>pg_restore</c>, and says why one failed.</summary>
/// <param name="target">The server, and the password that no line may show.</param>
/// <param name="logger">Gets what they print.</param>
internal sealed class PostgresTool(ServerTarget target, ILogger logger)
{
    /// <summary><c>pg_restore</c>'s exit code after failed statements. A killed one has another, also after a tolerated error.</summary>
    private const int FailedStatements = 1;

    private readonly SecretMask _mask = new(target.Password);

    /// <summary>Runs one to its end.</summary>
    /// <param name="program">Its path.</param>
    /// <param name="arguments">No secret belongs here.</param>
    /// <param name="environment">See <see cref="ToolEnvironment"/>.</param>
    /// <param name="input">Writes its standard input; null: none.</param>
    /// <param name="output">Reads its standard output; null: dropped.</param>
    /// <param name="tolerated">An error that does not count: if it is the only one, the tool succeeded. Null: every error counts.</param>
    /// <param name="stop">Kills it; the server ends its session by itself.</param>
    /// <exception cref="PostgresToolException">It failed, or did not start.</exception>
    /// <exception cref="OperationCanceledException">Stopped.</exception>
    public async Task RunAsync(
        string program,
        IReadOnlyList<string> arguments,
        IReadOnlyDictionary<string, string?> environment,
        Func<Stream, CancellationToken, Task>? input,
        Func<Stream, Task>? output,
        string? tolerated,
        CancellationToken stop)
    {
        var name = Path.GetFileName(program);
        var complaint = new Complaint(name, tolerated);
        var child = new ChildProcess(program, arguments, environment)
        {
            Input = input,
            Output = (stream, drained) => output is null
                ? OutputLines.ReadAsync(stream, (_, _) => { }, drained)
                : output(stream),
            Errors = (stream, drained) =>
                OutputLines.ReadAsync(stream, (line, _) => complaint.Hear(_mask.Apply(line), logger), drained),
        };
        int? exitCode;
        try
        {
            exitCode = await child.RunAsync(null, CancellationToken.None, stop);
        }
        catch (Win32Exception missing)
        {
            throw new PostgresToolException($"{program} does not start: {missing.GetBaseException().Message}");
        }

        stop.ThrowIfCancellationRequested();
        if (exitCode != 0 && !(exitCode == FailedStatements && complaint.IsTolerable))
        {
            throw new PostgresToolException($"{name} failed: {complaint.Text ?? $"exit code {exitCode}, without a word"}");
        }
    }

    /// <summary>A tool's error messages.</summary>
    private sealed class Complaint(string name, string? tolerated)
    {
        private const string Error = ": error: ";
        private const string Entry = ": from TOC entry ";

        private string? _error;
        private string? _entry;
        private string? _last;
        private bool _tolerated;

        /// <summary>Whether it had errors, and only tolerated ones.</summary>
        public bool IsTolerable => _tolerated && _error is null;

        /// <summary>Its first error with the object that it is about, else its last line; null: it printed nothing.</summary>
        public string? Text =>
            _error is null ? _last?.TrimEnd('.')
            : _entry is null ? _error.TrimEnd('.')
            : $"{_error.TrimEnd('.')} (at {_entry})";

        /// <summary>Reads a line. One without the tool's name continues a statement or has the failed row, so no log may show it.</summary>
        public void Hear(string line, ILogger logger)
        {
            _last = line;
            if (!line.StartsWith($"{name}: ", StringComparison.Ordinal))
            {
                return;
            }

            // Such as "from TOC entry 215; 1259 16402 TABLE users boss", before the error.
            if (_error is null && line.IndexOf(Entry, StringComparison.Ordinal) is > 0 and var from)
            {
                _entry = string.Join(' ', line[(from + Entry.Length)..].Split(' ').Skip(3));
            }

            var at = line.IndexOf(Error, StringComparison.Ordinal);
            if (at >= 0 && tolerated is not null && line.Contains(tolerated, StringComparison.Ordinal))
            {
                _tolerated = true;
                return;
            }

            logger.ToolLine(line);
            _error ??= at >= 0 ? line[(at + Error.Length)..] : null;
        }
    }
}
