using System.Text.RegularExpressions;
using LogtoMigrateInit.Alterations;
using LogtoMigrateInit.Configuration;
using LogtoMigrateInit.Reporting;
using Microsoft.Extensions.Logging;

namespace LogtoMigrateInit.LogtoCli;

/// <summary>
/// Follows what the CLI prints: logs it line by line with secrets masked, reports progress, and keeps the end for the final message.
/// </summary>
/// <param name="options">The gate's configuration.</param>
/// <param name="pending">What is to be deployed, in order.</param>
/// <param name="asked">Called when the CLI's guard asks whether the lock is still held.</param>
/// <param name="logger">Gets the lines.</param>
internal sealed partial class CliOutput(GateOptions options, IReadOnlyList<Alteration> pending, Action asked, ILogger logger)
{
    private readonly SecretMask _mask = new(options);
    private readonly CliComplaint _complaint = new();
    private readonly Lock _gate = new();
    private long _lastFinished = Environment.TickCount64;

    /// <summary>How many alterations the CLI reported as done.</summary>
    public int Finished { get; private set; }

    /// <summary>The alteration that the CLI named as failed; null when it named none.</summary>
    public string? Failed { get; private set; }

    /// <summary>Why the guard ended the CLI; null as long as it has not.</summary>
    public string? GuardsReason { get; private set; }

    /// <summary>The server had no connection left for the CLI.</summary>
    public bool ServerWasFull => _complaint.ServerWasFull;

    /// <summary>The alteration that runs now; null before the first and after the last one.</summary>
    public Alteration? Running => Finished < pending.Count ? pending[Finished] : null;

    /// <summary>What the CLI said of what went wrong, masked; empty when it said nothing.</summary>
    public string Complaint
    {
        get
        {
            lock (_gate)
            {
                return _complaint.Text;
            }
        }
    }

    /// <summary>Reads one of the CLI's streams to its end, or until nothing of the CLI's can come any more.</summary>
    public Task FollowAsync(Stream stream, string name, CancellationToken cancellationToken) =>
        OutputLines.ReadAsync(stream, (line, dropped) => Take(line, dropped, name), cancellationToken);

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

            if (line.Contains(" to deploy", StringComparison.Ordinal))
            {
                _lastFinished = Environment.TickCount64; // Node.js has started, and the first alteration begins
            }

            if (FailedLine().Match(line) is { Success: true } failure)
            {
                Failed = failure.Groups[1].Value;
            }

            if (line.StartsWith(CliGuard.LinePrefix, StringComparison.Ordinal))
            {
                GuardsReason = line[CliGuard.LinePrefix.Length..];
            }

            // A secret may stand across the cut, so half of a cut line is dropped after masking.
            var shown = dropped == 0 ? _mask.Apply(line) : $"{Cut(_mask.Apply(line))}… ({dropped} characters cut)";
            _complaint.Hear(shown);
            logger.CliLine(stream, shown);
        }
    }

    private static string Cut(string line) => line[..Math.Min(line.Length, OutputLines.MaximumLength / 2)];

    private void ReportProgress(string fileName)
    {
        var now = Environment.TickCount64;
        Finished++;
        var alteration = pending.FirstOrDefault(each => each.FileName == fileName);
        logger.AlterationDeployed(Finished, pending.Count, alteration?.Version ?? "", alteration?.Name ?? fileName, (now - _lastFinished) / 1000.0);
        _lastFinished = now;
    }

    [GeneratedRegex(@"Run alteration (\S+\.js) `up\(\)` function succeeded", RegexOptions.CultureInvariant)]
    private static partial Regex Succeeded();

    // Logto before 1.35 writes "ocurred".
    [GeneratedRegex(@"Error occ?urred (?:while|during) running alteration (\S+\.js)", RegexOptions.CultureInvariant)]
    private static partial Regex FailedLine();
}
