using System.Collections.Concurrent;

namespace LogtoMigrateInit.ChaosTests;

/// <summary>One stage per major version, built when first asked for; only one schedule at a time may play on it.</summary>
public sealed class Stages : IAsyncDisposable
{
    private readonly ConcurrentDictionary<int, Lazy<Task<Stage>>> _stages = new();

    public async ValueTask DisposeAsync()
    {
        foreach (var stage in _stages.Values)
        {
            await (await stage.Value).DisposeAsync();
        }
    }

    internal Task<Stage> GetAsync(int major) =>
        _stages.GetOrAdd(major, _ => new Lazy<Task<Stage>>(() => Stage.OpenAsync(major, CancellationToken.None))).Value;
}
