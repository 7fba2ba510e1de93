"""The operating system images a fresh hypervisor offers."""

from typing import Final

from sandbox.hypervisor.models import Machine

IMAGES: Final = ((9000, "debian-12"), (9001, "ubuntu-24-04"), (9002, "almalinux-9"), (9003, "debian-13"))


def templates(now: float) -> list[Machine]:
    """Cloud images as templates: a boot disk, a cloud-init drive, one network card and the guest agent."""
    return [
        Machine(
            vmid=vmid,
            created_at=now,
            config={
                "name": name, "template": 1, "ostype": "l26", "agent": "1", "cores": 1, "memory": "512",
                "boot": "order=scsi0", "scsihw": "virtio-scsi-single",
                "scsi0": f"local-lvm:base-{vmid}-disk-0,size=3G",
                "ide2": f"local-lvm:vm-{vmid}-cloudinit,media=cdrom",
                "net0": f"virtio=BC:24:11:00:{vmid >> 8 & 0xFF:02X}:{vmid & 0xFF:02X},bridge=vmbr0",
            },
        )
        for vmid, name in IMAGES
    ]  # fmt: skip
