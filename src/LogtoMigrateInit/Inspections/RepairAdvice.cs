namespace LogtoMigrateInit.Inspections;

/// <summary>Advice for faults that an inspection finds: imperative clauses for the final message.</summary>
internal static class RepairAdvice
{
    /// <summary>The advice to run <c>repair</c>, with the form for compose and for Kubernetes.</summary>
    public const string Run =
        "run `logto-migrate-init repair` (compose: `docker compose run --rm migrate repair`; Kubernetes: the Job docker/kubernetes/repair)";

    /// <summary>The advice for faults in tables, which <c>repair</c> can only repair by a comparison with the target's schema.</summary>
    public const string RunForTables = $"{Run}, while alterations are pending in the image of the older Logto";

    /// <summary>The advice for too many signing keys.</summary>
    public const string TrimKeys =
        "run `logto-migrate-init repair --trim-signing-keys`, which makes a backup and drops the oldest keys; tokens that they signed " +
        "are no longer accepted";
}
