using System.Text.RegularExpressions;
using LogtoMigrateInit.Logto;
using LogtoMigrateInit.Processes;
using LogtoMigrateInit.Reporting;
using Microsoft.Extensions.Logging;

namespace LogtoMigrateInit.LogtoCli;

/// <summary>Follows the CLI's output: logs each line with secrets masked, reports progress, and keeps the reason of a failure.</summary>
/// <param name="databasePassword">The password to mask; null when there is none.</param>
/// <param name="asked">Called when the CLI's guard asks whether the program still holds the lock.</param>
internal sealed partial class CliOutput(string? databasePassword, CliJob job, Action asked, ILogger logger)
{
    private readonly SecretMask _mask = new(databasePassword);
    private readonly CliComplaint _complaint = new();
    private readonly Lock _gate = new();
    private long _lastFinished = Environment.TickCount64;
    private bool _hasBegun;
    private int _finished;
    private string? _failed;
    private string? _guardsReason;

    /// <summary>The alteration that runs now; null while Node.js loads the CLI, and after the last one.</summary>
    public Alteration? Running
    {
        get
        {
            lock (_gate)
            {
                return _hasBegun && _finished < job.Alterations.Count ? job.Alterations[_finished] : null;
            }
        }
    }

    /// <summary>The number of alterations that the CLI has reported as done.</summary>
    public int Finished
    {
        get
        {
            lock (_gate)
            {
                return _finished;
            }
        }
    }

    /// <summary>Returns the result of the run.</summary>
    /// <param name="exitCode">Null when this program ended the CLI.</param>
    public CliRun Summarise(CliEnd end, int? exitCode)
    {
        lock (_gate)
        {
            var complaint = Shorten(_mask.Apply(_complaint.Text));
            return new CliRun(end, exitCode, _failed, complaint, _guardsReason, _complaint.FoundNoConnection, _finished)
            {
                HasBegun = _hasBegun || _finished > 0 || _failed is not null,
            };
        }
    }

    /// <summary>Reads one of the CLI's streams to its end, or until the token says that the CLI can print nothing more.</summary>
    public Task FollowAsync(Stream stream, string name, CancellationToken cancellationToken) =>
        OutputLines.ReadAsync(stream, (line, dropped) => Take(line, dropped, name), cancellationToken);

    // Over 40 lines: all meanings of a line, under one lock.
    private void Take(string line, long dropped, string stream)
    {
        if (line == CliGuard.Question)
        {
            asked();
            return;
        }

        lock (_gate)
        {
            if (Succeeded().Match(line) is { Success: true } success)
            {
                ReportProgress(success.Groups[1].Value);
                return;
            }

            if (line.Contains(" to deploy", StringComparison.Ordinal) || line.Contains(" to revert", StringComparison.Ordinal))
            {
                _hasBegun = true; // Node.js has loaded the CLI, and the first alteration begins
                _lastFinished = Environment.TickCount64;
            }

            if (FailedLine().Match(line) is { Success: true } failure)
            {
                _failed = failure.Groups[1].Value;
            }

            if (line.StartsWith(CliGuard.LinePrefix, StringComparison.Ordinal))
            {
                _guardsReason = line[CliGuard.LinePrefix.Length..];
            }

            // The cut may split a secret, and then the mask does not match it. So only the first half of a cut line is shown.
            var shown = dropped == 0 ? _mask.Apply(line) : $"{Cut(_mask.Apply(line))}… ({dropped} characters cut)";

            // The search needs the unmasked line, because a password may be a word of the message.
            _complaint.Hear(line);
            if (job.OnCopy)
            {
                logger.CliLineOnCopy(stream, shown);
            }
            else
            {
                logger.CliLine(stream, shown);
            }
        }
    }

    private static string Shorten(string reason) => reason.Length > OutputLines.MaximumLength / 2 ? $"{Cut(reason)}…" : reason;

    private static string Cut(string line) => line[..Math.Min(line.Length, OutputLines.MaximumLength / 2)];

    private void ReportProgress(string fileName)
    {
        var now = Environment.TickCount64;
        _finished++;
        var alteration = job.Alterations.FirstOrDefault(each => each.FileName == fileName);
        var (version, name, seconds) = (alteration?.Version ?? "", alteration?.Name ?? fileName, (now - _lastFinished) / 1000.0);
        if (job.OnCopy)
        {
            logger.AlterationRehearsed(_finished, job.Alterations.Count, version, name, seconds);
        }
        else if (job.IsRollback)
        {
            logger.AlterationReverted(_finished, job.Alterations.Count, version, name, seconds);
        }
        else
        {
            logger.AlterationDeployed(_finished, job.Alterations.Count, version, name, seconds);
        }

        _lastFinished = now;
    }

    [GeneratedRegex(@"Run alteration (\S+\.js) `(?:up|down)\(\)` function succeeded", RegexOptions.CultureInvariant)]
    private static partial Regex Succeeded();

    // Logto before 1.35 writes "ocurred".
    [GeneratedRegex(@"Error occ?urred (?:while|during) running alteration (\S+\.js)", RegexOptions.CultureInvariant)]
    private static partial Regex FailedLine();
}
