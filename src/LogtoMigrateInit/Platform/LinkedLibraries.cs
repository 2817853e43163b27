using System.Runtime.InteropServices;

namespace LogtoMigrateInit.Platform;

/// <summary>
/// The C library and OpenSSL that are linked into this program. Both would load modules of the image that it runs in when a file there
/// says so; those are made for another C library, and to load them could end the process.
/// </summary>
internal static partial class LinkedLibraries
{
    /// <summary>
    /// Hosts are looked up in /etc/hosts and then by the servers of /etc/resolv.conf, whatever nsswitch.conf says: Logto's own image has
    /// musl, which knows nothing else. No openssl.cnf is read: the OpenSSL inside Node.js does not read it either.
    /// </summary>
    /// <remarks>Call it first of all. The command that <c>run</c> becomes does not see the variable.</remarks>
    public static void KeepToThemselves()
    {
        // https://sourceware.org/glibc/manual/latest/html_node/NSS-Basics.html
        _ = ConfigureLookup("hosts", "files dns");
        _ = ConfigureLookup("passwd", "files");
        _ = ConfigureLookup("group", "files");

        // https://docs.openssl.org/3.0/man7/openssl-env/; it must be there before a password is hashed.
        _ = SetVariable("OPENSSL_CONF", "/dev/null", 1);
    }

    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    [LibraryImport("libc", EntryPoint = "__nss_configure_lookup", StringMarshalling = StringMarshalling.Utf8)]
    private static partial int ConfigureLookup(string database, string services);

    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    [LibraryImport("libc", EntryPoint = "setenv", StringMarshalling = StringMarshalling.Utf8)]
    private static partial int SetVariable(string name, string value, int overwrite);
}
