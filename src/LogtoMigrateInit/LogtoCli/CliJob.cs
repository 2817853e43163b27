using LogtoMigrateInit.Alterations;

namespace LogtoMigrateInit.LogtoCli;

/// <summary>What the CLI is to do.</summary>
/// <param name="Arguments">What comes after <c>logto</c>; no secret belongs here.</param>
/// <param name="Pending">What it will deploy, in order; empty for a seed.</param>
/// <param name="State">The state before; null before a seed.</param>
/// <param name="Database">Where, as it was seen under the lock.</param>
internal sealed record CliJob(IReadOnlyList<string> Arguments, IReadOnlyList<Alteration> Pending, AlterationState? State, Inspection Database)
{
    /// <summary>It works on a throw-away copy, and its progress is that of a rehearsal.</summary>
    public bool OnCopy { get; init; }
}
