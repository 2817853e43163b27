namespace LogtoMigrateInit.Inspections;

/// <summary>How an operator repairs what an inspection finds: imperative clauses for the last line.</summary>
internal static class RepairAdvice
{
    /// <summary>The command, also where the program runs in a container.</summary>
    public const string Run =
        "run `logto-migrate-init repair` (compose: `docker compose run --rm migrate repair`; Kubernetes: the Job docker/kubernetes/repair)";

    /// <summary>For what only a comparison with the target's own schema can repair.</summary>
    public const string RunForTables = $"{Run}, while alterations are pending in the image of the older Logto";

    /// <summary>For signing keys.</summary>
    public const string TrimKeys =
        "run `logto-migrate-init repair --trim-signing-keys`, which makes a backup and drops the oldest keys; tokens that they signed " +
        "are no longer accepted";
}
