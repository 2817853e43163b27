using System.Globalization;
using LogtoMigrateInit.Fixtures;

namespace LogtoMigrateInit.ChaosTests;

/// <summary>Which processes, or which connections, of a replica.</summary>
internal enum Part
{
    Gate,
    Cli,
    Both,
}

/// <summary>Something bad that happens once.</summary>
internal abstract record Fault
{
    private Fault(TimeSpan duration) => Duration = duration;

    /// <summary>How long it lasts.</summary>
    public TimeSpan Duration { get; }

    /// <param name="Replica">Null is the one that deploys at that moment.</param>
    /// <param name="Part">What is killed with SIGKILL.</param>
    public sealed record Kill(int? Replica, Part Part) : Fault(TimeSpan.Zero)
    {
        public override string ToString() => $"kill {Part} of {Name(Replica)}";
    }

    public sealed record Freeze(int? Replica, Part Part, TimeSpan For) : Fault(For)
    {
        public override string ToString() => $"freeze {Part} of {Name(Replica)} for {Seconds(For)}";
    }

    public sealed record Terminate(int? Replica) : Fault(TimeSpan.Zero)
    {
        public override string ToString() => $"SIGTERM to {Name(Replica)}";
    }

    public sealed record Cut(int? Replica, Part Part) : Fault(TimeSpan.Zero)
    {
        public override string ToString() => $"cut the connections of {Part} of {Name(Replica)}";
    }

    /// <summary>Nothing arrives any more and nobody is told, until the network gives the connections up.</summary>
    public sealed record Swallow(int? Replica, Part Part, TimeSpan For) : Fault(For)
    {
        public override string ToString() => $"swallow the connections of {Part} of {Name(Replica)} and cut them after {Seconds(For)}";
    }

    public sealed record Restart(StopMode Mode, TimeSpan For) : Fault(For)
    {
        public override string ToString() => $"stop the server ({Mode}) and start it after {Seconds(For)}";
    }

    public sealed record Block(string Table, string Mode, TimeSpan For) : Fault(For)
    {
        public override string ToString() => $"lock {Table} in {Mode} mode for {Seconds(For)}";
    }

    public static string Seconds(TimeSpan time) => string.Create(CultureInfo.InvariantCulture, $"{time.TotalSeconds:0.00} s");

    private static string Name(int? replica) => replica is { } index ? $"replica {index}" : "the one that deploys";
}
