namespace LogtoMigrateInit.LogtoCli;

/// <summary>How a run of the CLI ended. Its exit code proves nothing: it is 0 also when nothing was deployed.</summary>
/// <param name="ExitCode">Null when we ended it.</param>
/// <param name="Failed">The alteration that the CLI named as failed; null when it named none.</param>
/// <param name="Complaint">What it said of what went wrong, masked; empty when it said nothing.</param>
/// <param name="GuardsReason">Why its guard ended it; null when it did not.</param>
/// <param name="ServerWasFull">It found no free connection.</param>
/// <param name="Finished">How many alterations it reported as done.</param>
internal sealed record CliRun(int? ExitCode, string? Failed, string Complaint, string? GuardsReason, bool ServerWasFull, int Finished);
