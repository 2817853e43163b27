using System.Globalization;

namespace LogtoMigrateInit.ChaosTests;

/// <summary>The lease that the gates get.</summary>
internal static class Lease
{
    private const int Shortest = 6;
    private const int Default = 60;

    /// <summary><c>CHAOS_LEASE</c>: how many seconds; <c>0</c> for a gate that has no variable for it, and sixty.</summary>
    private static int Asked => int.Parse(Environment.GetEnvironmentVariable("CHAOS_LEASE") ?? $"{Shortest}", CultureInfo.InvariantCulture);

    /// <summary>False when the gate is left to its default.</summary>
    public static bool IsTold => Asked > 0;

    public static int Seconds => IsTold ? Asked : Default;
}
